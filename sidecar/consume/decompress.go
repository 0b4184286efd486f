package consume

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// maxBatchBytes is the largest size that a record batch may have when it is decompressed.
const maxBatchBytes = 1 << 30

// minRatio is how much a batch is taken to grow at least.
const minRatio = 4

// decompressor decompresses record batches of lz4 and zstd into memory that is used again. The Kafka client has its own way for the other codecs, and for
// what is unusual.
type decompressor struct {
	buffers *buffers
	others  kgo.Decompressor
	zstd    sync.Pool
	ratio   atomic.Int64 // of the size to the compressed size, of the batch before
}

func newDecompressor(b *buffers) *decompressor {
	return &decompressor{buffers: b, others: kgo.DefaultDecompressor()}
}

// Decompress gives the records of a batch.
func (d *decompressor) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	var decode func(dst, src []byte) ([]byte, error)
	switch codec {
	case kgo.CodecLz4:
		decode = d.lz4Frame
	case kgo.CodecZstd:
		decode = d.zstdFrames
	default:
		return d.others.Decompress(src, codec)
	}
	batch, err := decode(d.buffers.get(len(src)*int(max(d.ratio.Load(), minRatio))), src)
	if err != nil {
		return d.others.Decompress(src, codec) // which knows more forms, or a better error
	}
	d.ratio.Store(int64(len(batch)/max(len(src), 1) + 1))
	d.buffers.lend(batch)
	return batch, nil
}

func (d *decompressor) zstdFrames(dst, src []byte) ([]byte, error) {
	decoder, _ := d.zstd.Get().(*zstd.Decoder)
	if decoder == nil {
		var err error
		if decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBatchBytes)); err != nil {
			return nil, fmt.Errorf("set up a zstd decoder: %w", err)
		}
	}
	defer d.zstd.Put(decoder)
	batch, err := decoder.DecodeAll(src, dst)
	if err != nil {
		return nil, fmt.Errorf("decompress a record batch: %w", err)
	}
	return batch, nil
}

var errUnusualFrame = errors.New("not a single lz4 frame of the usual kind")

const (
	lz4Magic = 0x184D2204
	// In the frame descriptor's first byte.
	lz4Version, lz4Independent, lz4BlockSums, lz4ContentSize, lz4ContentSum, lz4Dictionary = 0x40, 0x20, 0x10, 0x08, 0x04, 0x01

	lz4Window    = 64 << 10 // how far a block can refer back into those before it
	lz4Stored    = 1 << 31  // of a block's size: it is not compressed
	lz4SumBytes  = 4
	lz4SizeBytes = 4
)

// lz4Frame decompresses a frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md). Checksums are not looked at: Kafka's own covers the batch.
func (d *decompressor) lz4Frame(dst, src []byte) ([]byte, error) {
	if len(src) < 7 || binary.LittleEndian.Uint32(src) != lz4Magic {
		return nil, errUnusualFrame
	}
	flags, sizes := src[4], src[5]
	if flags&0xc0 != lz4Version || flags&lz4Dictionary != 0 || sizes>>4&7 < 4 {
		return nil, errUnusualFrame
	}
	largest := 1 << (2*(sizes>>4&7) + 8) // 64 KiB, 256 KiB, 1 MiB or 4 MiB
	header := 7
	if flags&lz4ContentSize != 0 {
		header += 8
	}
	sum := 0
	if flags&lz4BlockSums != 0 {
		sum = lz4SumBytes
	}
	if len(src) < header {
		return nil, errUnusualFrame
	}
	for src = src[header:]; len(src) >= lz4SizeBytes; {
		size := binary.LittleEndian.Uint32(src)
		src = src[lz4SizeBytes:]
		if size == 0 {
			if flags&lz4ContentSum != 0 {
				sum = lz4SumBytes
			} else {
				sum = 0
			}
			if len(src) != sum {
				return nil, errUnusualFrame
			}
			return dst, nil
		}
		n := int(size &^ lz4Stored)
		if n+sum > len(src) || n > largest {
			return nil, errUnusualFrame
		}
		var err error
		if dst, err = d.lz4Block(dst, src[:n], size&lz4Stored != 0, flags&lz4Independent == 0, largest); err != nil {
			return nil, err
		}
		src = src[n+sum:]
	}
	return nil, errUnusualFrame
}

// lz4Block appends a block's content, of at most the given size.
func (d *decompressor) lz4Block(dst, block []byte, stored, linked bool, largest int) ([]byte, error) {
	if stored {
		return append(d.room(dst, len(block)), block...), nil
	}
	for guess := min(len(block)*2, largest); ; guess = min(guess*2, largest) {
		dst = d.room(dst, guess)
		var before []byte
		if linked {
			before = dst[max(0, len(dst)-lz4Window):]
		}
		n, err := lz4.UncompressBlockWithDict(block, dst[len(dst):min(cap(dst), len(dst)+largest)], before)
		switch {
		case err == nil:
			return dst[:len(dst)+n], nil
		case cap(dst)-len(dst) >= largest || len(dst) > maxBatchBytes:
			return nil, fmt.Errorf("decompress an lz4 block: %w", err)
		}
		guess = max(guess, cap(dst)-len(dst)) // it was too small
	}
}

// room gives the same bytes with room for n more.
func (d *decompressor) room(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	larger := append(d.buffers.get(len(dst)+n), dst...)
	d.buffers.put(dst)
	return larger
}
