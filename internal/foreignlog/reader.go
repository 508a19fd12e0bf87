package foreignlog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Limits on what is read. A longer line is cut, and counted.
const (
	MaxLine    = 64 << 10
	sniffBytes = 64 << 10
	sniffLines = 100
)

// Options of a Reader.
type Options struct {
	Format string         // a name of Formats; empty: recognised from the first lines
	Layout string         // log_format of nginx, if it is a format of one's own
	Zone   *time.Location // of formats that do not say theirs; nil: UTC
}

// Counts are the lines a Reader has met.
type Counts struct {
	Lines  int // with facts
	Unread int // not of this format
	Cut    int // longer than MaxLine
}

// parser reads the lines of one format.
type parser interface {
	// parse fills l, whose Text and Number are set; false: the line is not of
	// this format.
	parse(l *Line) bool
}

// Reader reads a log line by line, in bounded memory. It is for one goroutine.
type Reader struct {
	Counts Counts
	in     *bufio.Reader
	parser parser
	format string
	number int
}

// NewReader begins to read a log, also one packed with gzip.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	in := bufio.NewReaderSize(r, sniffBytes)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		packed, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unpack log: %w", err)
		}
		in = bufio.NewReaderSize(packed, sniffBytes)
	}
	f, err := choose(in, &o)
	if err != nil {
		return nil, err
	}
	return &Reader{in: in, parser: f.parser(o), format: f.name}, nil
}

// Format is the name of the format that is read.
func (r *Reader) Format() string { return r.format }

// Next gives the next line that has facts; io.EOF after the last.
func (r *Reader) Next() (*Line, error) {
	for {
		text, err := r.text()
		if err != nil {
			return nil, err
		}
		if text == "" {
			continue
		}
		l := &Line{Number: r.number, Format: r.format, Text: text}
		switch {
		case r.parser.parse(l):
			r.Counts.Lines++
			return l, nil
		case !strings.HasPrefix(text, "#"):
			r.Counts.Unread++
		}
	}
}

// text gives a line without its end. What is behind MaxLine is dropped.
func (r *Reader) text() (string, error) {
	var line []byte
	cut := false
	for {
		part, err := r.in.ReadSlice('\n')
		if room := MaxLine - len(line); len(part) > room {
			part, cut = part[:room], true
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return "", readFault(err)
		}
		break
	}
	r.number++
	if cut {
		r.Counts.Cut++
	}
	return strings.TrimRight(string(line), " \r\n"), nil
}

func readFault(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("read log: %w", err)
}
