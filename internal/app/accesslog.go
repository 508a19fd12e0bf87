package app

import (
	"os"
	"time"

	"fanlight/internal/accesslog"
	"fanlight/internal/config"
	"fanlight/internal/flow"
)

// accessLine appends one exchange as a line of an access log.
type accessLine func(b []byte, c *flow.Conn, x *flow.Exchange, mask flow.Mask) []byte

// startAccessLog writes ended exchanges as the configuration says.
func (a *App) startAccessLog(c config.AccessLog) error {
	format := accesslog.Formats()[c.Format] // none: objects as in records
	switch c.To {
	case "off":
	case "", "stdout":
		if a.opts.Access != nil {
			out := newJSONLines(a.opts.Access, "stdout", a.log)
			out.begin(format.Header)
			a.addRecords(out, false, format.Line)
		}
	default:
		path := a.cfg.Resolve(c.To)
		out, err := openJSONLines(path, a.log)
		if err != nil {
			return err
		}
		out.path = path
		out.begin(format.Header)
		a.addRecords(out, false, format.Line)
	}
	return nil
}

// lookEvery is how often it is looked whether a file was moved away.
const lookEvery = time.Second

// begin writes what a log begins with, and keeps it for when the log begins anew;
// header may be nil.
func (w *jsonLines) begin(header func(now time.Time) string) {
	w.header = header
	if header != nil {
		_, _ = w.buffer.WriteString(header(time.Now())) // flush has the error
	}
}

// follow opens the file anew when it was moved away or removed, as logrotate
// does, and begins it anew when it was cut. One that cannot be opened anew stays:
// its lines are not lost. It is called with nothing in the buffer but what a log
// begins with.
func (w *jsonLines) follow(now time.Time) {
	if w.path == "" || now.Sub(w.looked) < lookEvery {
		return
	}
	w.looked = now
	mine, err := w.file.Stat()
	if err != nil {
		return
	}
	if there, err := os.Stat(w.path); err == nil && os.SameFile(mine, there) {
		if mine.Size() < w.size {
			w.begin(w.header)
		}
		w.size = mine.Size()
		return
	}
	next, err := openJSONLines(w.path, w.log)
	if err != nil {
		if !w.stuck {
			w.log.Error("access log was moved away, and cannot be opened anew", "path", w.path, "err", err)
		}
		w.stuck = true
		return
	}
	_ = w.file.Close() // what it got is written
	w.stuck, w.file, w.to, w.size = false, next.file, next.to, 0
	w.buffer.Reset(w.to)
	w.begin(w.header)
	w.log.Info("access log opened anew", "path", w.path)
}
