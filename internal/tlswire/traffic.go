package tlswire

// TrafficSecrets are the secrets of a TLS 1.3 handshake by which QUIC protects
// its packets (RFC 9001, section 5.1); nil where they are not known.
type TrafficSecrets struct {
	ClientHandshake, ServerHandshake []byte
	ClientTraffic, ServerTraffic     []byte
}

// Traffic gives those of the handshake with a client random; ok if there is
// any. They must not be changed.
func (k *Keys) Traffic(clientRandom []byte) (t TrafficSecrets, ok bool) {
	if len(clientRandom) != 32 {
		return t, false
	}
	s := k.of((*[32]byte)(clientRandom))
	if s == nil {
		return t, false
	}
	t = TrafficSecrets{s[labelClientHandshake], s[labelServerHandshake], s[labelClientTraffic], s[labelServerTraffic]}
	return t, t.ClientHandshake != nil || t.ServerHandshake != nil || t.ClientTraffic != nil || t.ServerTraffic != nil
}
