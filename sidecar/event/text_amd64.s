#include "textflag.h"

DATA quotes<>+0(SB)/8, $0x2222222222222222
GLOBL quotes<>(SB), RODATA|NOPTR, $8
DATA slashes<>+0(SB)/8, $0x5c5c5c5c5c5c5c5c
GLOBL slashes<>(SB), RODATA|NOPTR, $8
DATA controls<>+0(SB)/8, $0x1f1f1f1f1f1f1f1f
GLOBL controls<>(SB), RODATA|NOPTR, $8

// func plainAVX2(data *byte, n int) (at int, high uint32, stopped bool)
TEXT ·plainAVX2(SB), NOSPLIT, $0-29
	MOVQ         data+0(FP), SI
	MOVQ         n+8(FP), CX
	XORQ         AX, AX
	XORL         DX, DX
	VPBROADCASTQ quotes<>(SB), Y0
	VPBROADCASTQ slashes<>(SB), Y1
	VPBROADCASTQ controls<>(SB), Y2

loop:
	LEAQ      32(AX), BX
	CMPQ      BX, CX
	JA        rest
	VMOVDQU   (SI)(AX*1), Y3
	VPCMPEQB  Y0, Y3, Y4
	VPCMPEQB  Y1, Y3, Y5
	VPMINUB   Y2, Y3, Y6
	VPCMPEQB  Y6, Y3, Y6
	VPOR      Y4, Y5, Y4
	VPOR      Y4, Y6, Y4
	VPMOVMSKB Y4, R8
	VPMOVMSKB Y3, R9
	TESTL     R8, R8
	JNZ       stop
	ORL       R9, DX
	MOVQ      BX, AX
	JMP       loop

rest:
	VZEROUPPER
	MOVQ AX, at+16(FP)
	MOVL DX, high+24(FP)
	MOVB $0, stopped+28(FP)
	RET

stop:
	VZEROUPPER
	BSFL R8, CX
	ADDQ CX, AX
	MOVL $1, R10
	SHLL CX, R10
	DECL R10
	ANDL R10, R9
	ORL  R9, DX
	MOVQ AX, at+16(FP)
	MOVL DX, high+24(FP)
	MOVB $1, stopped+28(FP)
	RET
