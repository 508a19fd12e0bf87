package tlswire

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
)

// Keys are secrets that open connections. They may grow while sessions use
// them; all methods are safe for concurrent use. The zero value is ready.
type Keys struct {
	mu         sync.RWMutex
	version    atomic.Uint64
	byRandom   map[[32]byte]*secrets
	premasters map[[8]byte][]byte // by the first bytes of the encrypted premaster secret
	rsa        []*rsa.PrivateKey
	sessions   map[[32]byte][]byte // master secrets by session id or ticket, see sessionKey
	order      [][32]byte          // of sessions, a ring
	oldest     int
	logged     int
	latest     randoms
}

// label is a kind of secret in a key log.
type label uint8

const (
	labelMaster label = iota
	labelPremaster
	labelClientEarly
	labelClientHandshake
	labelServerHandshake
	labelClientTraffic
	labelServerTraffic
	labels
)

// labelNames are those of the NSS key log format, which is documented with
// Mozilla's NSS; PMS_CLIENT_RANDOM is Wireshark's.
func labelNames() [labels]string {
	return [labels]string{"CLIENT_RANDOM", "PMS_CLIENT_RANDOM", "CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
		"SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}
}

func (l label) String() string { return labelNames()[l] }

// secrets are what a key log has for one client random.
type secrets [labels][]byte

// names lists the labels that are there, for a person to read.
func (s *secrets) names() string {
	var out []byte
	for i, secret := range s {
		if secret != nil {
			if out != nil {
				out = append(out, ", "...)
			}
			out = append(out, label(i).String()...)
		}
	}
	return string(out)
}

const (
	maxSecret   = 64
	maxSessions = 1 << 16 // master secrets remembered for resumption
)

// AddKeyLog adds the secrets of a key log in the format of SSLKEYLOGFILE and
// tells how many of its lines were new secrets. Whatever is no secret for a
// Session is passed over. A log that grows must be cut between lines.
func (k *Keys) AddKeyLog(data []byte) (lines int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		if k.addLine(bytes.TrimSpace(line)) {
			lines++
		}
	}
	k.logged += lines
	if lines > 0 {
		k.version.Add(1)
	}
	return lines
}

func (k *Keys) addLine(line []byte) bool {
	name, rest, _ := bytes.Cut(line, []byte(" "))
	id, secret, found := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	value := make([]byte, hex.DecodedLen(len(secret)))
	if n, err := hex.Decode(value, bytes.TrimSpace(secret)); !found || err != nil || n == 0 || n > maxSecret {
		return false
	}
	if string(name) == "RSA" {
		return k.addPremaster(id, value)
	}
	names := labelNames()
	i := slices.Index(names[:], string(name))
	var random [32]byte
	if i < 0 || len(id) != 2*len(random) {
		return false
	}
	if _, err := hex.Decode(random[:], id); err != nil {
		return false
	}
	if k.byRandom == nil {
		k.byRandom = map[[32]byte]*secrets{}
	}
	s := k.byRandom[random]
	if s == nil {
		s = new(secrets)
		k.byRandom[random] = s
		if old, full := k.latest.add(random); full {
			delete(k.byRandom, old)
		}
	}
	if bytes.Equal(s[i], value) {
		return false
	}
	// Sessions hold what they were given: a changed set is a new set.
	changed := *s
	changed[i] = value
	k.byRandom[random] = &changed
	return true
}

func (k *Keys) addPremaster(id, premaster []byte) bool {
	var head [8]byte
	if len(id) != 2*len(head) {
		return false
	}
	if _, err := hex.Decode(head[:], id); err != nil || bytes.Equal(k.premasters[head], premaster) {
		return false
	}
	if n := k.latest.limit; n > 0 && len(k.premasters) >= n {
		return false
	}
	if k.premasters == nil {
		k.premasters = map[[8]byte][]byte{}
	}
	k.premasters[head] = premaster
	return true
}

// AddRSA adds a server's private key, which opens the connections up to TLS
// 1.2 whose key exchange is RSA.
func (k *Keys) AddRSA(key *rsa.PrivateKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.ContainsFunc(k.rsa, func(have *rsa.PrivateKey) bool { return have.Equal(key) }) {
		k.rsa = append(slices.Clip(k.rsa), key)
		k.version.Add(1)
	}
}

// Len is the number of secrets and private keys.
func (k *Keys) Len() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.logged + len(k.rsa)
}

// Version grows whenever something is added.
func (k *Keys) Version() uint64 { return k.version.Load() }

// of gives the secrets for a client random, nil if there are none. They do
// not change.
func (k *Keys) of(random *[32]byte) *secrets {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.byRandom[*random]
}

func (k *Keys) premaster(encrypted []byte) []byte {
	if len(encrypted) < 8 {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.premasters[[8]byte(encrypted)]
}

func (k *Keys) private() []*rsa.PrivateKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.rsa
}

// sessionKey is what a session id or a ticket is known by.
func sessionKey(id []byte) [32]byte { return sha256.Sum256(id) }

// remember keeps a master secret for the sessions that resume this one, and
// forgets the oldest of too many.
func (k *Keys) remember(id, master []byte) {
	if len(id) == 0 {
		return
	}
	key := sessionKey(id)
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, known := k.sessions[key]; known {
		return
	}
	if k.sessions == nil {
		k.sessions = map[[32]byte][]byte{}
	}
	if len(k.order) < maxSessions {
		k.order = append(k.order, key)
	} else {
		delete(k.sessions, k.order[k.oldest])
		k.order[k.oldest] = key
		k.oldest = (k.oldest + 1) % maxSessions
	}
	k.sessions[key] = master
	k.version.Add(1)
}

func (k *Keys) session(id []byte) []byte {
	if len(id) == 0 {
		return nil
	}
	key := sessionKey(id)
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.sessions[key]
}
