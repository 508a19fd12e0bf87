package tlswire

// Session follows one TLS connection.
type Session struct {
	Hold    int
	Scratch *Scratch
	keys    *Keys
}

// NewSession begins a session.
func NewSession(k *Keys) *Session { return &Session{keys: k} }

// Write takes the next bytes of a direction.
func (s *Session) Write(dir int, p []byte, emit func(*Message)) error { return nil }

// Skip says that n bytes are missing.
func (s *Session) Skip(dir int, n int64, emit func(*Message)) {}

// Retry looks for keys again.
func (s *Session) Retry(emit func(*Message)) {}

// Close ends a direction.
func (s *Session) Close(dir int, emit func(*Message)) {}

// Decrypted tells how much could be opened.
func (s *Session) Decrypted() (state State, whyNot string) { return NotObserved, "" }

// Waiting tells whether keys may still come.
func (s *Session) Waiting() bool { return false }
