package cli

import (
	"os"
	"time"

	"fanlight/internal/archive"
	"fanlight/internal/dissect"
	"fanlight/internal/flow"
)

// openArchive reads a HAR or SAZ file, records or flow notation; nil without an
// error: it is none of these.
// A trace beside an error is what could be read.
func openArchive(path string, read archive.Reader) (*flow.Trace, error) {
	if path == "-" || !rereadable(path) {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil // whoever reads it as a capture says so
	}
	defer file.Close()
	head, err := beginning(file)
	switch {
	case err != nil:
		return nil, nil
	case archive.IsZip(head):
		return loadSAZ(path, file, read)
	case isText(head):
		return loadText(path, file, read)
	}
	if packed, err := packedText(file); packed != nil && err == nil {
		return loadText(path, packed, read)
	}
	return nil, nil
}

// archived prints what a browser or a debugging proxy exported. It says whether
// the only argument is such a file.
func (f *traceFlags) archived(s streams, args []string) (done bool, err error) {
	if len(args) != 1 {
		return false, nil
	}
	began := time.Now()
	trace, fault := openArchive(args[0], archive.Reader{})
	if trace == nil {
		return fault != nil, fault
	}
	view, err := f.view(s)
	if err == nil {
		err = f.foreign(nil, "what is no capture")
	}
	if err != nil {
		return true, failWith(exitUsage, err)
	}
	return true, f.conclude(view, began, trace, time.Time{}, fault)
}

// conclude prints a trace that is read, but for exchanges before since.
func (f *traceFlags) conclude(view *view, began time.Time, trace *flow.Trace, since time.Time, fault error) error {
	if len(trace.Conns) > 0 {
		view.first.Store(trace.Conns[0].Started.UnixNano())
	}
	counts := dissect.Counts{}
	for _, c := range trace.Conns {
		for _, x := range c.Exchanges {
			if x.Started.IsZero() || !x.Started.Before(since) {
				view.printExchange(c, x)
			}
		}
		view.conn(c)
		counts.Bytes += c.ClientBytes + c.ServerBytes
	}
	return view.conclude(began, &counts, []error{fault})
}
