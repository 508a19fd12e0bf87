package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"

	"fanlight/internal/archive"
	"fanlight/internal/dissect"
	"fanlight/internal/flow"
)

// Limits of one side of a comparison: connections, bytes of them in memory,
// bytes of a file that is text.
const (
	sideConns = 20_000
	sideBytes = 128 << 20
	textBytes = 256 << 20
)

// load reads one side, and says what is left out of it. A trace beside an error
// is what could be read.
func (f *compareFlags) load(ctx context.Context, s streams, arg string) (*flow.Trace, error) {
	t, err := f.read(ctx, s, arg)
	if t != nil && len(t.Conns) > sideConns {
		leftOut(s, arg, len(t.Conns)-sideConns)
		t.Conns = t.Conns[:sideConns]
	}
	return t, err
}

func leftOut(s streams, arg string, n int) {
	fmt.Fprintf(s.err, "fanlight: %s: %s were left out of the comparison to bound memory\n", arg, counted(n, "connection"))
}

func (f *compareFlags) read(ctx context.Context, s streams, arg string) (*flow.Trace, error) {
	if arg == "-" {
		return f.loadCapture(ctx, s, arg)
	}
	file, err := os.Open(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist) && looksLikeID(arg):
		return f.loadRecord(ctx, arg)
	case err != nil:
		return nil, openFault(err)
	}
	defer file.Close()
	head, err := beginning(file)
	switch {
	case err != nil:
		return nil, openFault(err)
	case archive.IsZip(head):
		return loadSAZ(arg, file, archive.Reader{})
	case isText(head):
		return loadText(arg, file, archive.Reader{})
	}
	if packed, err := packedText(file); packed != nil || err != nil {
		return loadPacked(arg, packed, err)
	}
	return f.loadCapture(ctx, s, arg)
}

// packedText gives what is in a file packed with gzip, nil if that is no text.
// The file is then at its beginning.
func packedText(file *os.File) (io.Reader, error) {
	if r, err := gzip.NewReader(file); err == nil {
		b := bufio.NewReader(r)
		head, _ := b.Peek(512) // what is shorter is there
		if isText(bytes.TrimLeft(head, blanks)) {
			return b, nil
		}
	}
	_, err := file.Seek(0, io.SeekStart)
	return nil, err
}

func loadPacked(arg string, packed io.Reader, err error) (*flow.Trace, error) {
	if err != nil {
		return nil, openFault(err)
	}
	return loadText(arg, packed, archive.Reader{})
}

// blanks may stand in front of text; the first is a byte order mark.
const blanks = "\ufeff \t\r\n"

// beginning reads what a file begins with, but for blanks, and goes back.
func beginning(file *os.File) ([]byte, error) {
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return bytes.TrimLeft(head[:n], blanks), err
}

func loadSAZ(arg string, file *os.File, read archive.Reader) (*flow.Trace, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, openFault(err)
	}
	t, err := read.SAZ(file, info.Size(), arg)
	if err != nil {
		err = failWith(exitDamaged, fmt.Errorf("read %s: %w", arg, err))
	}
	return t, err
}

func loadText(arg string, file io.Reader, read archive.Reader) (*flow.Trace, error) {
	raw, err := io.ReadAll(io.LimitReader(file, textBytes+1))
	if err != nil {
		return nil, openFault(fmt.Errorf("read %s: %w", arg, err))
	}
	if len(raw) > textBytes {
		return nil, failWith(exitUsage, fmt.Errorf("read %s: it is larger than %d MiB", arg, textBytes>>20))
	}
	return parseText(arg, raw, read)
}

// isText tells records, HAR and flow notation from captures by how they begin.
func isText(head []byte) bool {
	for _, begin := range []string{"{", "conn ", "facts", "#"} {
		if bytes.HasPrefix(head, []byte(begin)) {
			return true
		}
	}
	return false
}

func isHAR(raw []byte) bool { return regexp.MustCompile(`^\s*\{\s*"log"\s*:`).Match(raw) }

func parseText(name string, raw []byte, read archive.Reader) (t *flow.Trace, err error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	switch {
	case isHAR(raw):
		t, err = read.HAR(bytes.NewReader(raw), name)
	case bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")):
		t, err = flow.ReadRecords(bytes.NewReader(raw))
	default:
		t, err = flow.Parse(string(raw))
	}
	if err != nil {
		err = failWith(exitDamaged, fmt.Errorf("read %s: %w", name, err))
	}
	return t, err
}

// loadCapture dissects packets.
func (f *compareFlags) loadCapture(ctx context.Context, s streams, path string) (*flow.Trace, error) {
	trace := traceFlags{keys: f.keys}
	in, err := trace.inputs([]string{path}, "")
	if err != nil {
		return nil, err
	}
	if err := in.open(s.in); err != nil {
		return nil, err
	}
	defer in.close(ctx)
	defer spareMemory()()
	all := newKept(sideConns, sideBytes)
	_, err = dissect.New(dissect.Options{
		Source: path, Keys: in.keys, Hold: hold(in.src),
		Exchange: func(*flow.Conn, *flow.Exchange) {}, Conn: all.add,
	}).Run(ctx, in.src)
	if interrupted(err) {
		return nil, failWith(exitUsage, errors.New("interrupted"))
	}
	if all.dropped > 0 {
		leftOut(s, path, all.dropped)
	}
	if err = errors.Join(append(in.src.Damage(), err)...); err != nil {
		err = failWith(exitDamaged, err)
	}
	return &all.Trace, err
}

// looksLikeID tells the ids of records and incidents from names of files.
func looksLikeID(arg string) bool {
	return regexp.MustCompile(`^([cx][0-9]+|[0-9A-Z]{8,16})$`).MatchString(arg)
}
