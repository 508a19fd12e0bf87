package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"syscall"
	"time"

	"fanlight/internal/flow"
)

// jsonLines writes one JSON object a line. What cannot be written is lost and
// counted: a full disk or a closed pipe must not stop the door. It is for one
// goroutine.
type jsonLines struct {
	to   io.Writer
	file *os.File // nil: not ours to close
	name string   // for the log
	log  *slog.Logger

	buffer  *bufio.Writer
	pending int64 // lines since the last flush
	broken  bool  // the last flush failed

	path   string                     // of a file that is opened anew when it was moved away; empty: none
	header func(now time.Time) string // what it begins with; may be nil
	looked time.Time
	size   int64 // of the file then
	stuck  bool  // it could not be opened anew
}

// readLimit is how long the reader of a pipe may make us wait.
const readLimit = 2 * time.Second

func newJSONLines(out io.Writer, name string, log *slog.Logger) *jsonLines {
	to := newPatience(out, readLimit)
	return &jsonLines{to: to, name: name, log: log, buffer: bufio.NewWriter(to)}
}

// openJSONLines appends to a file that only its owner may read. A named pipe
// needs a reader: waiting for one would hold up the start for ever.
func openJSONLines(path string, log *slog.Logger) (*jsonLines, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	w := newJSONLines(f, path, log)
	w.file = f
	return w, nil
}

func (w *jsonLines) write(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		w.log.Error("record that is no JSON", "to", w.name, "err", err)
		return
	}
	w.writeLine(append(flow.PrintableJSON(line), '\n'))
}

// writePlain leaves <, > and & as they are, for who searches in what is written.
func (w *jsonLines) writePlain(v any) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		w.log.Error("record that is no JSON", "to", w.name, "err", err)
		return
	}
	w.writeLine(append(flow.PrintableJSON(line.Bytes()[:line.Len()-1]), '\n'))
}

// writeLine writes a line with its end.
func (w *jsonLines) writeLine(line []byte) {
	if w.pending == 0 {
		w.follow(time.Now())
	}
	w.pending++
	_, _ = w.buffer.Write(line) // flush has the error
}

// flush gives the number of lines that were lost since the last one.
func (w *jsonLines) flush() (lost int64) {
	lines := w.pending
	if lines == 0 {
		return 0
	}
	w.pending = 0
	if err := w.buffer.Flush(); err != nil {
		w.buffer.Reset(w.to)
		_ = w.buffer.WriteByte('\n') // parts the next line from what was cut off
		w.begin(w.header)            // which may have been lost as well
		if !w.broken {
			w.log.Error("records cannot be written", "to", w.name, "err", err)
		}
		w.broken = true
		return lines
	}
	if w.broken {
		w.log.Info("records are written again", "to", w.name)
	}
	w.broken = false
	return 0
}

// close flushes and closes what was opened here.
func (w *jsonLines) close() (lost int64) {
	lost = w.flush()
	if w.file != nil {
		if err := w.file.Close(); err != nil {
			w.log.Error("records cannot be closed", "to", w.name, "err", err)
		}
	}
	return lost
}
