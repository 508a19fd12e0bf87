package cert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery bounds how often files are looked at for a change.
	lookEvery = time.Second
	// maxFileBytes bounds a certificate, key, PFX or password file.
	maxFileBytes = 1 << 20
)

// fileSource re-reads its files when one of them changes. Files that cannot be
// used keep the certificate before them in force.
type fileSource struct {
	paths    []string
	read     func() (*tls.Certificate, error)
	onReload func(error)
	opened   time.Time
	nextLook atomic.Int64 // nanoseconds since opened, which the monotonic clock counts
	state    atomic.Pointer[fileState]

	mu   sync.Mutex    // held while looking and reading
	seen []os.FileInfo // of paths, when last read; nil: missing
}

type fileState struct {
	cert  *tls.Certificate
	fault error // of the latest reading
}

func newFileSource(spec Spec) (*fileSource, error) {
	s := &fileSource{paths: spec.paths(), read: spec.read, onReload: spec.OnReload, opened: time.Now()}
	s.nextLook.Store(int64(lookEvery))
	s.seen = s.stat()
	c, err := s.read()
	if err != nil {
		return nil, err
	}
	s.state.Store(&fileState{cert: c})
	return s, nil
}

func (s *fileSource) Certificate() (*tls.Certificate, error) {
	s.lookIfDue()
	return s.state.Load().cert, nil
}

func (s *fileSource) Err() error {
	s.lookIfDue()
	state := s.state.Load()
	if state.fault != nil {
		return state.fault
	}
	return CheckValidity(state.cert.Leaf, time.Now())
}

func (s *fileSource) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reread(s.stat())
}

// lookIfDue lets one caller in each interval look for changed files.
func (s *fileSource) lookIfDue() {
	now, next := int64(time.Since(s.opened)), s.nextLook.Load()
	if now < next || !s.nextLook.CompareAndSwap(next, now+int64(lookEvery)) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if info := s.stat(); !slices.EqualFunc(info, s.seen, sameFile) {
		s.reread(info) // its error is kept for Err
	}
}

// reread reads the files, whose state before that was info: a change during
// the reading is then seen at the next look.
func (s *fileSource) reread(info []os.FileInfo) error {
	s.seen = info
	old := s.state.Load().cert
	c, err := s.read()
	if err == nil {
		err = worse(old, c)
	}
	if err != nil {
		c, err = old, fmt.Errorf("%w; the certificate before it stays in use", err)
	}
	s.state.Store(&fileState{cert: c, fault: err})
	if s.onReload != nil {
		s.onReload(err)
	}
	return err
}

// worse says why a certificate in use is not to be replaced by the next one:
// only the next one is out of date.
func worse(old, next *tls.Certificate) error {
	now := time.Now()
	if CheckValidity(old.Leaf, now) != nil {
		return nil
	}
	return CheckValidity(next.Leaf, now)
}

func (s *fileSource) stat() []os.FileInfo {
	out := make([]os.FileInfo, len(s.paths))
	for i, path := range s.paths {
		out[i], _ = os.Stat(path)
	}
	return out
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}

// readFile reads a small file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("it is larger than %d bytes", maxFileBytes)
	}
	var inner *os.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
