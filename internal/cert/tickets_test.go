package cert

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// door is a listener whose sites are chosen by name, as the front door does.
type door struct {
	listener net.Listener
	mu       sync.Mutex
	sites    map[string]*tls.Config
	sent     bytes.Buffer // what the latest connection sent in clear or sealed
}

func newDoor(t *testing.T, sites map[string]*tls.Config) *door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{listener: listener, sites: sites}
	outer := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.sites[hello.ServerName], nil
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			d.mu.Lock()
			d.sent.Reset()
			d.mu.Unlock()
			server := tls.Server(&recorded{conn, d}, outer)
			if server.Handshake() == nil {
				io.WriteString(server, "x") // so that a TLS 1.3 client reads its ticket
			}
			server.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return d
}

func (d *door) set(name string, config *tls.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sites[name] = config
}

type recorded struct {
	net.Conn
	door *door
}

func (r *recorded) Write(p []byte) (int, error) {
	r.door.mu.Lock()
	r.door.sent.Write(p)
	r.door.mu.Unlock()
	return r.Conn.Write(p)
}

// oneTicket offers the same session under every name.
type oneTicket struct {
	mu      sync.Mutex
	session *tls.ClientSessionState
	frozen  bool
}

func (o *oneTicket) Get(string) (*tls.ClientSessionState, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.session, o.session != nil
}

func (o *oneTicket) Put(_ string, session *tls.ClientSessionState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if session != nil && !o.frozen {
		o.session = session
	}
}

// visit connects as a client that does not mind what certificate it sees. It
// says whether an earlier session was resumed, and whose certificate counts.
func (d *door) visit(name string, version uint16, tickets *oneTicket) (resumed bool, shown string, err error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", d.listener.Addr().String(), &tls.Config{
		ServerName: name, MinVersion: version, MaxVersion: version,
		InsecureSkipVerify: true, ClientSessionCache: tickets,
	})
	if err != nil {
		return false, "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	io.ReadFull(conn, make([]byte, 1))
	state := conn.ConnectionState()
	return state.DidResume, state.PeerCertificates[0].DNSNames[0], nil
}

func siteConfig(t *testing.T, name string, keys *TicketKeys) *tls.Config {
	t.Helper()
	p := newPair(t, nil, name)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key, Leaf: p.cert}}}
	if keys != nil {
		keys.Apply(config)
	}
	return config
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func TestTicketStaysAtItsSite(t *testing.T) {
	for label, version := range versions {
		t.Run(label, func(t *testing.T) {
			d := newDoor(t, map[string]*tls.Config{
				"a.test": siteConfig(t, "a.test", NewTicketKeys(0)),
				"b.test": siteConfig(t, "b.test", NewTicketKeys(0)),
			})
			tickets := &oneTicket{}
			if resumed, shown, err := d.visit("a.test", version, tickets); resumed || shown != "a.test" || err != nil {
				t.Fatalf("first visit: %v %s %v", resumed, shown, err)
			}
			tickets.frozen = true
			if resumed, _, err := d.visit("a.test", version, tickets); !resumed || err != nil {
				t.Errorf("a ticket is not accepted where it was given: %v", err)
			}
			if resumed, shown, err := d.visit("b.test", version, tickets); resumed || shown != "b.test" || err != nil {
				t.Errorf("a.test's ticket at b.test: resumed %v, shown %s, %v", resumed, shown, err)
			}
			// The name a.test now leads to the other site.
			d.set("a.test", siteConfig(t, "b.test", NewTicketKeys(0)))
			if resumed, shown, err := d.visit("a.test", version, tickets); resumed || shown != "b.test" || err != nil {
				t.Errorf("a.test's ticket under its name at the other site: resumed %v, shown %s, %v", resumed, shown, err)
			}
		})
	}
}

// TestTicketWouldWander shows what TicketKeys are for, and that the test above
// can fail.
func TestTicketWouldWander(t *testing.T) {
	for label, version := range versions {
		t.Run(label, func(t *testing.T) {
			d := newDoor(t, map[string]*tls.Config{"a.test": siteConfig(t, "a.test", nil), "b.test": siteConfig(t, "b.test", nil)})
			tickets := &oneTicket{}
			d.visit("a.test", version, tickets)
			if resumed, shown, err := d.visit("b.test", version, tickets); !resumed || shown != "a.test" || err != nil {
				t.Errorf("crypto/tls has changed: resumed %v, shown %s, %v", resumed, shown, err)
			}
		})
	}
}

func TestRefusalConfig(t *testing.T) {
	for label, version := range versions {
		t.Run(label+" own keys", func(t *testing.T) { refuses(t, version, NewTicketKeys(0)) })
		// Keys of the listener: the refusal must not fall back to them.
		t.Run(label+" listener's keys", func(t *testing.T) { refuses(t, version, nil) })
	}
}

func refuses(t *testing.T, version uint16, keys *TicketKeys) {
	d := newDoor(t, map[string]*tls.Config{"a.test": siteConfig(t, "a.test", keys)})
	tickets := &oneTicket{}
	d.visit("a.test", version, tickets)
	tickets.frozen = true
	if resumed, _, _ := d.visit("a.test", version, tickets); !resumed {
		t.Fatal("there is no ticket to try")
	}
	d.set("a.test", RefusalConfig())
	for what, offered := range map[string]*oneTicket{"with a ticket": tickets, "without": {}} {
		_, _, err := d.visit("a.test", version, offered)
		if code, sent, ok := alertOf(err); !ok || sent || tls.AlertError(code).Error() != "tls: unrecognized name" {
			t.Errorf("%s: client saw %v", what, err)
		}
		d.mu.Lock()
		// A fatal alert record, and nothing before or after it.
		if sent := d.sent.Bytes(); len(sent) != 7 || sent[0] != 21 || sent[5] != 2 || sent[6] != 112 {
			t.Errorf("%s: the door sent % x", what, sent)
		}
		d.mu.Unlock()
	}
}

func TestRefusalReachesOldClients(t *testing.T) {
	d := newDoor(t, map[string]*tls.Config{"a.test": RefusalConfig()})
	_, _, err := d.visit("a.test", tls.VersionTLS10, &oneTicket{})
	if code, _, ok := alertOf(err); !ok || tls.AlertError(code).Error() != "tls: unrecognized name" {
		t.Errorf("a TLS 1.0 client saw %v", err)
	}
}

func TestTicketKeysRotate(t *testing.T) {
	keys := NewTicketKeys(time.Hour)
	first := keys.keys[0]
	at := func(periods float64) [][32]byte {
		keys.Rotate(keys.born.Add(time.Duration(periods * float64(time.Hour))))
		return keys.keys
	}
	if k := at(0.9); len(k) != 1 || k[0] != first {
		t.Error("rotated early")
	}
	if k := at(1.1); len(k) != 2 || k[1] != first || k[0] == first {
		t.Error("not rotated after a period")
	}
	second := keys.keys[0]
	if k := at(1.9); k[0] != second {
		t.Error("rotated twice in a period")
	}
	if k := at(2.5); len(k) != 3 || k[2] != first {
		t.Error("not rotated after two periods")
	}
	if k := at(3.5); len(k) != 3 || k[2] != second {
		t.Error("the oldest key was not dropped")
	}
	known := map[[32]byte]bool{}
	for _, k := range keys.keys {
		known[k] = true
	}
	for _, k := range at(50) {
		if known[k] {
			t.Error("a key outlived a long silence")
		}
	}
}

func TestTicketKeysReachLiveConfigs(t *testing.T) {
	keys := NewTicketKeys(time.Hour)
	config := siteConfig(t, "a.test", keys)
	keys.Apply(config) // again, which must not list it twice
	for range 10 {
		keys.Apply(&tls.Config{})
	}
	runtime.GC()
	d := newDoor(t, map[string]*tls.Config{"a.test": config})
	tickets := &oneTicket{}
	d.visit("a.test", tls.VersionTLS13, tickets)
	tickets.frozen = true
	for periods, want := range []bool{true, true, true, false} {
		keys.Rotate(keys.born.Add(time.Duration(periods) * time.Hour))
		if resumed, _, err := d.visit("a.test", tls.VersionTLS13, tickets); resumed != want || err != nil {
			t.Errorf("after %d periods: resumed %v, %v", periods, resumed, err)
		}
	}
	if len(keys.configs) != 1 {
		t.Errorf("%d Configs are kept", len(keys.configs))
	}
	runtime.KeepAlive(config)
}

func TestTicketKeysAtOnce(t *testing.T) {
	keys := NewTicketKeys(time.Millisecond)
	d := newDoor(t, map[string]*tls.Config{"a.test": siteConfig(t, "a.test", keys)})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				keys.Rotate(keys.born.Add(time.Duration(i) * time.Millisecond))
				keys.Apply(&tls.Config{})
			}
		})
	}
	for range 5 {
		if _, _, err := d.visit("a.test", tls.VersionTLS13, &oneTicket{}); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}
	wg.Wait()
}
