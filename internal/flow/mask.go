package flow

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// Mask gives the value of a header field as others may see it. A nil Mask
// shows everything.
type Mask func(name, value string) string

// TargetField is the name under which a Mask is given a request target.
const TargetField = ":target"

// NewMask makes a Mask that puts a token in place of the secrets of
// Authorization, Proxy-Authorization, Cookie, Set-Cookie and fields with API
// keys, and of passwords and tokens in the queries of targets and references;
// schemes and names stay readable. Under one key, equal secrets give equal
// tokens.
func NewMask(key []byte) Mask {
	m := masker{append([]byte(nil), key...)}
	return m.field
}

type masker struct{ key []byte }

func (m masker) field(name, value string) string {
	// Blanks around a name are irregular but do not make its value less secret.
	if parameter, is := strings.CutPrefix(name, ParameterField); is {
		if secretName(parameter) {
			return m.token(value)
		}
		return value
	}
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case "authorization", "proxy-authorization":
		return m.credentials(value)
	case "cookie":
		return m.cookies(value)
	case "set-cookie":
		pair, attributes, found := strings.Cut(value, ";")
		if found {
			attributes = ";" + attributes
		}
		return m.cookie(pair) + attributes
	case TargetField, "referer", "location", "content-location":
		return m.reference(value)
	case "":
		return m.noField(value)
	}
	if strings.HasPrefix(name, "x-") && secretName(name) || name == "api-key" {
		return m.token(value)
	}
	return value
}

// reference masks the user information and the secret parameters of a URL or
// of a part of one.
func (m masker) reference(ref string) string {
	if scheme, rest, found := strings.Cut(ref, "://"); found {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
			ref = scheme + "://" + m.token(rest[:at]) + rest[at:]
		}
	}
	path, query, found := strings.Cut(ref, "?")
	if !found {
		return ref
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, value, found := strings.Cut(pair, "="); found && secretName(name) {
			pairs[i] = name + "=" + m.token(value)
		}
	}
	ref = path + "?" + strings.Join(pairs, "&")
	if hasFragment {
		ref += "#" + fragment
	}
	return ref
}

// secretName reports whether a parameter of that name holds what opens
// something.
func secretName(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain // pass%77ord is one of an origin's names, too
	}
	name = strings.ToLower(name)
	for _, word := range [...]string{"password", "passwd", "pwd", "passphrase", "secret", "token", "api_key", "apikey", "api-key", "signature", "samlresponse", "credential", "sessid", "sessionid", "session_id", "private_key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	own := strings.TrimSuffix(name[strings.LastIndexAny(name, ".[")+1:], "]") // json.user.pass, user[pass]
	switch own {
	case "code", "sig", "pass", "auth", "session", "sid", "otp", "pin":
		return true
	}
	return strings.HasSuffix(own, "_pass")
}

// noField masks a line that is not a field but begins like a secret one.
func (m masker) noField(line string) string {
	start := strings.ToLower(strings.TrimSpace(line))
	for _, name := range [...]string{"authorization", "proxy-authorization", "cookie", "set-cookie"} {
		if strings.HasPrefix(start, name) {
			return m.token(line)
		}
	}
	return line
}

func (m masker) credentials(value string) string {
	scheme, secret, found := strings.Cut(value, " ")
	if found {
		return scheme + " " + m.token(secret)
	}
	switch strings.ToLower(value) {
	case "basic", "bearer", "digest", "negotiate", "ntlm":
		return value
	}
	return m.token(value)
}

func (m masker) cookies(value string) string {
	pairs := strings.Split(value, ";")
	for i, pair := range pairs {
		pairs[i] = m.cookie(pair)
	}
	return strings.Join(pairs, ";")
}

// cookie masks name=value; what has no name is masked whole.
func (m masker) cookie(pair string) string {
	if name, value, found := strings.Cut(pair, "="); found {
		return name + "=" + m.token(value)
	}
	trimmed := strings.TrimLeft(pair, " ")
	return pair[:len(pair)-len(trimmed)] + m.token(trimmed)
}

func (m masker) token(secret string) string {
	secret = strings.TrimSpace(secret)
	if secret == "" || isToken(secret) {
		return secret
	}
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(secret))
	return tokenPrefix + hex.EncodeToString(mac.Sum(nil)[:tokenBytes])
}

const (
	tokenPrefix = "masked-"
	tokenBytes  = 6
)

// isToken: what was masked before it was kept stays as it is, so that it is
// still equal to itself.
func isToken(s string) bool {
	digits, found := strings.CutPrefix(s, tokenPrefix)
	_, err := hex.DecodeString(digits)
	return found && err == nil && len(digits) == 2*tokenBytes
}

// Conn is a copy of c, fit to be shown, that shares with it only what holds no
// secrets.
func (m Mask) Conn(c *Conn) *Conn {
	if m == nil {
		return c
	}
	out := *c
	out.Events = make([]Event, len(c.Events))
	for i, e := range c.Events {
		out.Events[i] = m.event(e)
	}
	out.Exchanges = make([]*Exchange, len(c.Exchanges))
	for i, x := range c.Exchanges {
		shown := *x
		shown.Target = m(TargetField, x.Target)
		shown.RequestHeader, shown.ResponseHeader = m.fields(x.RequestHeader), m.fields(x.ResponseHeader)
		out.Exchanges[i] = &shown
	}
	return &out
}

func (m Mask) target(t string) string {
	if m == nil {
		return t
	}
	return m(TargetField, t)
}

func (m Mask) fields(fields []Field) []Field {
	out := make([]Field, len(fields))
	for i, f := range fields {
		if m != nil {
			f.Value = m(f.Name, f.Value)
		}
		out[i] = f
	}
	return out
}

// pairs are fields as JSON shows them: order, letter case and duplicates kept.
func (m Mask) pairs(fields []Field) [][2]string {
	var out [][2]string
	for _, f := range m.fields(fields) {
		out = append(out, [2]string{f.Name, f.Value})
	}
	return out
}
