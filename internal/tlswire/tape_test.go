package tlswire_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"fanlight/internal/tlswire"
)

// tape is what a relay saw of one connection, in the order it saw it.
type tape struct {
	mu     sync.Mutex
	pieces []piece
}

type piece struct {
	dir  int
	data []byte
}

// relay forwards one connection to an address, and records it.
func relay(t testing.TB, to string) (addr string, rec *tape, done chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rec, done = &tape{}, make(chan struct{})
	go func() {
		defer close(done)
		defer l.Close()
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			client.Close()
			return
		}
		var both sync.WaitGroup
		both.Go(func() { rec.copy(0, server, client) })
		both.Go(func() { rec.copy(1, client, server) })
		both.Wait()
		client.Close()
		server.Close()
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), rec, done
}

func (r *tape) copy(dir int, to, from net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			r.mu.Lock()
			r.pieces = append(r.pieces, piece{dir, bytes.Clone(b[:n])})
			r.mu.Unlock()
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// heard is what a session made of a tape.
type heard struct {
	plain, early [2]bytes.Buffer
	words        [2][]string
	dones        []tlswire.Message
	certificates [2][][]byte
	request      *tlswire.CertificateRequest
	opaque       int
	accepted     bool
	state        tlswire.State
	why          string
	err          error
}

func kindName(k tlswire.MessageKind) string {
	return strings.Fields("none client-hello server-hello retry certificate request hello-request finished ticket key-update status extensions alert ccs done data early opaque bad too-long other")[k]
}

func (h *heard) take(m *tlswire.Message) {
	word := kindName(m.Kind)
	if m.Sealed {
		word = "sealed-" + word
	}
	switch m.Kind {
	case tlswire.DataMsg:
		h.plain[m.Dir].Write(m.Data)
	case tlswire.EarlyDataMsg:
		h.early[m.Dir].Write(m.Data)
	case tlswire.OpaqueMsg:
		h.opaque += m.Length
	case tlswire.DoneMsg:
		h.dones = append(h.dones, *m)
	case tlswire.EncryptedExtensionsMsg:
		h.accepted = m.EarlyDataAccepted
	case tlswire.CertificateRequestMsg:
		h.request = m.Request
	case tlswire.CertificateMsg:
		h.certificates[m.Dir] = nil
		for _, der := range m.Certificates {
			h.certificates[m.Dir] = append(h.certificates[m.Dir], bytes.Clone(der))
		}
	}
	if n := len(h.words[m.Dir]); n == 0 || h.words[m.Dir][n-1] != word {
		h.words[m.Dir] = append(h.words[m.Dir], word)
	}
}

func (h *heard) has(dir int, word string) bool { return slices.Contains(h.words[dir], word) }

// play gives a session the tape, cut into pieces of random length unless cut
// is 0.
func (r *tape) play(s *tlswire.Session, cut int) *heard {
	h := &heard{}
	random := rand.New(rand.NewPCG(1, uint64(cut)))
	for _, p := range r.pieces {
		for data := p.data; len(data) > 0; {
			n := len(data)
			if cut > 0 {
				n = min(n, 1+random.IntN(cut))
			}
			if err := s.Write(p.dir, data[:n], h.take); err != nil && h.err == nil {
				h.err = err
			}
			data = data[n:]
		}
	}
	for dir := range 2 {
		s.Close(dir, h.take)
	}
	h.state, h.why = s.Decrypted()
	return h
}

// sent is all that went in one direction.
func (r *tape) sent(dir int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []byte
	for _, p := range r.pieces {
		if p.dir == dir {
			out = append(out, p.data...)
		}
	}
	return out
}

func keyLog(lines []byte) *tlswire.Keys {
	k := &tlswire.Keys{}
	k.AddKeyLog(lines)
	return k
}

// opened checks that a tape gives exactly the plain text, however it is cut.
func opened(t *testing.T, r *tape, keys func() *tlswire.Keys, client, server string) *heard {
	t.Helper()
	var first *heard
	for _, cut := range []int{0, 7, 1500, 20000} {
		h := r.play(tlswire.NewSession(keys()), cut)
		if h.err != nil || h.state != tlswire.Yes || h.why != "" {
			t.Fatalf("cut %d: %v, %v %q, %v", cut, h.err, h.state, h.why, h.words)
		}
		for dir, want := range []string{client, server} {
			if got := h.plain[dir].String(); got != want {
				t.Fatalf("cut %d, direction %d: got %d bytes, want %d; %v", cut, dir, len(got), len(want), h.words)
			}
		}
		if first == nil {
			first = h
		} else {
			equal(t, h.words[0], first.words[0])
			equal(t, h.words[1], first.words[1])
		}
	}
	return first
}

func shut(c io.Closer) { _ = c.Close() }
