package archive

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// Limits of a SAZ archive: its own bytes, members, and bytes of what is
// unpacked, of one member and of all. Bodies are unpacked only where they
// are asked for.
const (
	maxSAZ       = 1 << 30
	maxMembers   = 4*maxEntries + 100
	maxDirectory = 48 << 20 // bytes of the list of members
	maxUnpacked  = 512 << 20
	maxHead      = 256 << 10
)

// IsZip tells an archive that ReadSAZ may read by how it begins.
func IsZip(head []byte) bool { return strings.HasPrefix(string(head), "PK\x03\x04") }

// session is one exchange of a Fiddler archive: its members by their letter.
type session struct {
	number  int
	members map[byte]*zip.File
}

// What a session's members hold.
const (
	theRequest  = 'c'
	theResponse = 's'
	theMeta     = 'm'
)

// ReadSAZ reads an archive of Fiddler sessions (a zip file;
// https://docs.telerik.com/fiddler-everywhere/knowledge-base/fiddler-archives,
// read 2026-11-21) of so many bytes as a trace. It holds what passed between
// Fiddler and the server, without TLS and without who closed: these are unknown.
// A session without metadata has no times. A trace beside an error is what could
// be read.
func ReadSAZ(r io.ReaderAt, size int64, source string) (*flow.Trace, error) {
	return Reader{}.SAZ(r, size, source)
}

// SAZ is ReadSAZ with what the reader is asked for.
func (o Reader) SAZ(r io.ReaderAt, size int64, source string) (*flow.Trace, error) {
	if size > maxSAZ {
		return nil, fmt.Errorf("read SAZ: it is larger than %d MiB", maxSAZ>>20)
	}
	limited := &directoryReader{r, maxDirectory}
	z, err := zip.NewReader(limited, size)
	limited.left = math.MaxInt64
	if err != nil {
		return nil, fmt.Errorf("read SAZ: %w", err)
	}
	if len(z.File) > maxMembers {
		return nil, fmt.Errorf("read SAZ: it has more than %d members", maxMembers)
	}
	all := sessionsOf(z.File)
	if len(all) == 0 {
		return nil, errors.New("read SAZ: this zip file has no Fiddler session (raw/1_c.txt)")
	}
	b := sazBuilder{source: source, conns: map[string]flow.ConnID{}, opened: map[flow.ConnID]time.Time{}, budget: maxUnpacked, bodies: newBodies(o)}
	var faults []error
	for _, s := range all {
		if err := b.session(s); err != nil {
			faults = append(faults, fmt.Errorf("session %d: %w", s.number, err))
		}
	}
	t := flow.Fold(b.inOrder())
	b.bodies.give(t)
	switch len(faults) {
	case 0:
		return t, nil
	case 1:
		return t, fmt.Errorf("read SAZ: %w", faults[0])
	}
	return t, fmt.Errorf("read SAZ: %w; %d of %d sessions could not be read", faults[0], len(faults), len(all))
}

// directoryReader bounds what is read: a list of members takes ten times its
// size in memory before they can be counted.
type directoryReader struct {
	io.ReaderAt
	left int64
}

func (r *directoryReader) ReadAt(p []byte, off int64) (int, error) {
	if r.left -= int64(len(p)); r.left < 0 {
		return 0, fmt.Errorf("its list of members is larger than %d MiB", maxDirectory>>20)
	}
	return r.ReaderAt.ReadAt(p, off)
}

// sessionsOf finds the members of each session, by number. Of several of one
// name the first counts.
func sessionsOf(files []*zip.File) []*session {
	member := regexp.MustCompile(`(?i)^/?raw[/\\]([0-9]{1,9})_([csm])\.(?:txt|xml)$`)
	byNumber := map[int]*session{}
	for _, f := range files {
		m := member.FindStringSubmatch(f.Name)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		if byNumber[n] == nil {
			byNumber[n] = &session{number: n, members: map[byte]*zip.File{}}
		}
		if letter := strings.ToLower(m[2])[0]; byNumber[n].members[letter] == nil {
			byNumber[n].members[letter] = f
		}
	}
	var out []*session
	for _, s := range byNumber {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *session) int { return cmp.Compare(a.number, b.number) })
	return out
}

// sazBuilder turns sessions into events.
type sazBuilder struct {
	source string
	conns  map[string]flow.ConnID // by Fiddler's port and the server
	opened map[flow.ConnID]time.Time
	next   flow.ConnID
	xs     flow.ExchangeID
	budget int64 // bytes that may still be unpacked
	placed []placed
	bodies bodies
}

// placed is an event with its place in time, which an event without a time of
// its own has by what came in front of it.
type placed struct {
	at    time.Time
	event flow.Event
}

func (b *sazBuilder) inOrder() []flow.Event {
	slices.SortStableFunc(b.placed, func(a, c placed) int { return a.at.Compare(c.at) })
	out := make([]flow.Event, len(b.placed))
	for i, p := range b.placed {
		out[i] = p.event
	}
	return out
}

// begin unpacks the beginning of a member.
func (b *sazBuilder) begin(f *zip.File) ([]byte, error) {
	if f == nil {
		return nil, nil
	}
	if f.Flags&1 != 0 {
		return nil, errors.New("it is encrypted; save the archive without a password")
	}
	if b.budget <= 0 {
		return nil, fmt.Errorf("what was unpacked before it exceeds %d MiB", maxUnpacked>>20)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, maxHead+int64(b.bodies.most)))
	b.budget -= int64(len(raw))
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	return raw, nil
}
