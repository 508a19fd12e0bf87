package tlswire

import (
	"bytes"
	"compress/flate"
	"io"
)

// inflater undoes record compression (RFC 3749). Each record ends where the
// compressor was flushed, so that what must outlive it is the window alone.
type inflater struct {
	window []byte
	begun  bool
	in     bytes.Reader
	flate  io.ReadCloser
}

const (
	deflateWindow = 32 << 10
	maxInflated   = 1<<14 + 1024 // RFC 5246, section 6.2.2
)

func (f *inflater) record(w *Scratch, compressed []byte) ([]byte, bool) {
	if !f.begun {
		if len(compressed) < 2 || compressed[0]&0x0f != 8 { // the header of zlib, RFC 1950
			return nil, false
		}
		compressed, f.begun = compressed[2:], true
	}
	f.in.Reset(compressed)
	if f.flate == nil {
		f.flate = flate.NewReader(&f.in)
	} else if err := f.flate.(flate.Resetter).Reset(&f.in, f.window); err != nil {
		return nil, false
	}
	if w.plain == nil {
		w.plain = make([]byte, maxInflated+1)
	}
	n, err := io.ReadFull(f.flate, w.plain)
	if n > maxInflated || err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, false
	}
	f.window = append(f.window, w.plain[:n]...)
	if over := len(f.window) - deflateWindow; over > 0 {
		f.window = f.window[:copy(f.window, f.window[over:])]
	}
	return w.plain[:n], true
}
