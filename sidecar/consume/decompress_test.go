package consume

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// text is compressible, in places.
func text(n int) []byte {
	rnd := rand.New(rand.NewPCG(uint64(n), 1))
	var b []byte
	for len(b) < n {
		if rnd.IntN(4) == 0 {
			b = append(b, byte(rnd.IntN(256)))
		} else {
			b = append(b, strings.Repeat("host web-1 ", 1+rnd.IntN(20))...)
		}
	}
	return b[:n]
}

func frame(t testing.TB, content []byte, options ...lz4.Option) []byte {
	t.Helper()
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	if err := w.Apply(options...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBatchesAreDecompressedAsTheyWere(t *testing.T) {
	d := newDecompressor(&buffers{})
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range [][]byte{nil, []byte("a"), text(1000), text(65_536), text(65_537), text(1_000_000), text(9_000_000), noise, bytes.Repeat([]byte{0}, 5_000_000)} {
		for name, compressed := range map[string][]byte{
			"lz4":                frame(t, content),
			"lz4, small blocks":  frame(t, content, lz4.BlockSizeOption(lz4.Block64Kb)),
			"lz4, all sums":      frame(t, content, lz4.BlockChecksumOption(true), lz4.ChecksumOption(true), lz4.SizeOption(uint64(len(content)))),
			"lz4, no sums":       frame(t, content, lz4.ChecksumOption(false), lz4.BlockSizeOption(lz4.Block256Kb)),
			"lz4, several":       append(frame(t, content), frame(t, nil)...),
			"zstd":               encoder.EncodeAll(content, nil),
			"zstd, several":      encoder.EncodeAll(content, encoder.EncodeAll(nil, nil)),
			"zstd, without size": streamed(t, content),
		} {
			codec := kgo.CodecLz4
			if strings.HasPrefix(name, "zstd") {
				codec = kgo.CodecZstd
			}
			got, err := d.Decompress(compressed, codec)
			if err != nil {
				t.Fatalf("%s of %d bytes: %v", name, len(content), err)
			}
			if !bytes.Equal(got, content) && !strings.HasPrefix(name, "lz4, several") {
				t.Errorf("%s of %d bytes became %d", name, len(content), len(got))
			}
		}
	}
}

func streamed(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzDecompress compares with the Kafka client's own way.
func FuzzDecompress(f *testing.F) {
	for _, n := range []int{0, 10, 3000} {
		f.Add(frame(f, text(n)), true)
		f.Add(frame(f, text(n), lz4.BlockChecksumOption(true), lz4.SizeOption(uint64(n))), true)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoder.EncodeAll(text(3000), nil), false)
	d, others := newDecompressor(&buffers{}), kgo.DefaultDecompressor()
	f.Fuzz(func(t *testing.T, src []byte, isLZ4 bool) {
		codec := kgo.CodecZstd
		if isLZ4 {
			codec = kgo.CodecLz4
		}
		got, err := d.Decompress(src, codec)
		want, wantErr := others.Decompress(src, codec)
		if err == nil && wantErr == nil && !bytes.Equal(got, want) {
			t.Errorf("%x: got %x, the client has %x", src, got, want)
		}
		if err != nil && wantErr == nil {
			t.Errorf("%x: %v, which the client can read", src, err)
		}
	})
}

func TestMemoryIsUsedAgainWhenItsRecordsWereRead(t *testing.T) {
	b := &buffers{}
	d := newDecompressor(b)
	r := &Reading{buffers: b}
	batch := func(letter string) []byte {
		records, err := d.Decompress(frame(t, []byte(strings.Repeat(letter, 1000))), kgo.CodecLz4)
		if err != nil {
			t.Fatal(err)
		}
		return records
	}
	first, second := batch("a"), batch("b")
	if unsafe.SliceData(first) == unsafe.SliceData(second) {
		t.Fatal("two batches share memory")
	}
	r.Next(first[:10])
	r.Next(first[10:20])
	if third := batch("c"); unsafe.SliceData(third) == unsafe.SliceData(first) || string(first[:3]) != "aaa" {
		t.Fatal("memory is used again while its records are read")
	}
	r.Next(second[:10])
	if fourth := batch("d"); unsafe.SliceData(fourth) != unsafe.SliceData(first) {
		t.Error("memory is not used again")
	}
	r.Next([]byte("of a batch that was not compressed"))
	r.Next(nil)
	if fifth := batch("e"); unsafe.SliceData(fifth) != unsafe.SliceData(second) {
		t.Error("memory is not used again after a batch that was not compressed")
	}
	var none *Reading
	none.Next(first)
}

func TestMemoryOfRecordsThatNobodyReadIsGarbage(t *testing.T) {
	b := &buffers{}
	d := newDecompressor(b)
	compressed := frame(t, text(100_000))
	for range 200 {
		if _, err := d.Decompress(compressed, kgo.CodecLz4); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	alive := 0
	for _, x := range b.lent {
		if x.buffer.Value() != nil {
			alive++
		}
		if found := b.find(x.start); found.size > 0 && found.buffer.Value() == nil {
			t.Error("memory that is gone is found")
		}
	}
	if alive > 20 {
		t.Errorf("%d buffers are kept", alive)
	}
	for range 200 { // the list of those that were lent does not grow for ever
		if _, err := d.Decompress(compressed, kgo.CodecLz4); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
	}
	if n := cap(b.lent); n > 512 {
		t.Errorf("%d buffers are remembered", n)
	}
}

func TestFreeMemoryIsBounded(t *testing.T) {
	b := &buffers{}
	var taken [][]byte
	for range 100 {
		taken = append(taken, b.get(1<<20))
	}
	for _, buffer := range taken {
		b.put(buffer)
	}
	if b.freeBytes > maxFree || b.freeBytes < maxFree/2 {
		t.Errorf("%d bytes are free", b.freeBytes)
	}
	if large := b.get(maxPooled + 1); cap(large) < maxPooled+1 {
		t.Errorf("a buffer of %d bytes", cap(large))
	}
	if got := fmt.Sprint(len(b.get(10)), cap(b.get(10))); got != fmt.Sprint(0, minBuffer) {
		t.Errorf("length and capacity %s", got)
	}
}
