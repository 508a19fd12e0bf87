package authwire

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Messages as others print them: the examples of the NTLM documentation that
// libraries are tested with, an initial token of a Windows browser, and what
// curl sends for CORP\alice in answer to type2.
const (
	type1       = "TlRMTVNTUAABAAAABzIAAAYABgArAAAACwALACAAAABXT1JLU1RBVElPTkRPTUFJTg=="
	type2       = "TlRMTVNTUAACAAAADAAMADAAAAABAoEAASNFZ4mrze8AAAAAAAAAAGIAYgA8AAAARABPAE0AQQBJAE4AAgAMAEQATwBNAEEASQBOAAEADABTAEUAUgBWAEUAUgAEABQAZABvAG0AYQBpAG4ALgBjAG8AbQADACIAcwBlAHIAdgBlAHIALgBkAG8AbQBhAGkAbgAuAGMAbwBtAAAAAAA="
	type3       = "TlRMTVNTUAADAAAAGAAYAGoAAAAYABgAggAAAAwADABAAAAACAAIAEwAAAAWABYAVAAAAAAAAACaAAAAAQIAAEQATwBNAEEASQBOAHUAcwBlAHIAVwBPAFIASwBTAFQAQQBUAEkATwBOAMM3zVy9RPyXgqZnr21CfG3mfCDC0+d8ViWpjBwx6BhHRmspst9GgPOZWPuMITqcxg=="
	browserInit = "YHYGBisGAQUFAqBsMGqgMDAuBgorBgEEAYI3AgIKBgkqhkiC9xIBAgIGCSqGSIb3EgECAgYKKwYBBAGCNwICHqI2BDROVExNU1NQAAEAAACXsgjiAwADADEAAAAJAAkAKAAAAAYBsR0AAAAPR0xZQ0VSSU5FU0FE"
	curlType1   = "TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA="
	curlType3   = "TlRMTVNTUAADAAAAGAAYAEAAAAAYABgAWAAAAAgACABwAAAACgAKAHgAAAAWABYAggAAAAAAAAAAAAAAAQKBAMh8UzypvvpMKWJDGiCPhoeNxO3wdNxLyIidCaVOl2Ri4vRyafyp560iL6/fSfekgkMATwBSAFAAYQBsAGkAYwBlAFcATwBSAEsAUwBUAEEAVABJAE8ATgA="
)

func der(tag byte, parts ...string) string {
	content := strings.Join(parts, "")
	switch n := len(content); {
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + content
	case n < 0x100:
		return string([]byte{tag, 0x81, byte(n)}) + content
	default:
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + content
	}
}

func oid(s string) string { return der(tagOID, s) }

func negInit(mechs, token string) string {
	fields := der(tagContext0, der(tagSequence, mechs))
	if token != "" {
		fields += der(tagContext2, der(tagOctets, token))
	}
	return der(tagGSS, oid(oidSPNEGO), der(tagContext0, der(tagSequence, fields)))
}

func negResp(state byte, mech, token string) string {
	fields := der(tagContext0, der(0x0a, string(state)))
	if mech != "" {
		fields += der(tagContext1, oid(mech))
	}
	if token != "" {
		fields += der(tagContext2, der(tagOctets, token))
	}
	return der(tagContext1, der(tagSequence, fields))
}

// gssKerberos wraps a Kerberos message as RFC 4121 says.
func gssKerberos(id byte, message string) string {
	return der(tagGSS, oid(oidKerberos), string([]byte{id, 0}), message)
}

var apReq = gssKerberos(1, der(tagAPReq, der(tagSequence, strings.Repeat("\xee", 1500))))

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func raw(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAuthorization(t *testing.T) {
	ntlm1 := &NTLM{Type: 1, Flags: 0x3207, Domain: "DOMAIN", Workstation: "WORKSTATION"}
	ntlm3 := &NTLM{Type: 3, Flags: 0x0201, Domain: "DOMAIN", User: "user", Workstation: "WORKSTATION"}
	for _, c := range []struct {
		value string
		want  Token
	}{
		{"Basic dXNlcjpwYXNz", Token{Scheme: "Basic"}},
		{"bEARER abc.def", Token{Scheme: "Bearer"}},
		{`Digest username="a, NTLM", realm="x"`, Token{Scheme: "Digest"}},
		{"", Token{}},
		{"s3cret-key", Token{}},
		{"s3cret-key and more", Token{}},
		{"NTLM " + type1, Token{Scheme: "NTLM", Mech: "ntlm", Step: 1, ConnectionBound: true, NTLM: ntlm1}},
		{" ntlm  " + strings.TrimRight(type1, "=") + " ", Token{Scheme: "NTLM", Mech: "ntlm", Step: 1, ConnectionBound: true, NTLM: ntlm1}},
		{"NTLM " + type3, Token{Scheme: "NTLM", Mech: "ntlm", Step: 3, ConnectionBound: true, NTLM: ntlm3}},
		{"NTLM " + curlType1, Token{Scheme: "NTLM", Mech: "ntlm", Step: 1, ConnectionBound: true, NTLM: &NTLM{Type: 1, Flags: 0x88206}}},
		{"NTLM " + curlType3, Token{Scheme: "NTLM", Mech: "ntlm", Step: 3, ConnectionBound: true,
			NTLM: &NTLM{Type: 3, Flags: 0x00810201, Domain: "CORP", User: "alice", Workstation: "WORKSTATION"}}},
		{"NTLM !!!", Token{Scheme: "NTLM", ConnectionBound: true}},
		{"NTLM", Token{Scheme: "NTLM", ConnectionBound: true}},
		{"Negotiate " + type1, Token{Scheme: "Negotiate", Mech: "ntlm", Step: 1, ConnectionBound: true, NTLM: ntlm1}},
		{"Negotiate " + browserInit, Token{Scheme: "Negotiate", Mech: "spnego-ntlm", Step: 1, ConnectionBound: true,
			Offered: []string{"ntlm", "kerberos", "negoex"},
			NTLM:    &NTLM{Type: 1, Flags: 0xe208b297, Domain: "SAD", Workstation: "GLYCERINE"}}},
		{"Negotiate " + b64(apReq), Token{Scheme: "Negotiate", Mech: "kerberos", Step: 1, ConnectionBound: true}},
		{"Kerberos " + b64(apReq), Token{Scheme: "Kerberos", Mech: "kerberos", Step: 1}},
		{"Negotiate " + b64(negInit(oid(oidKerberosMS)+oid(oidKerberos)+oid("\x2a\x03"), apReq)),
			Token{Scheme: "Negotiate", Mech: "kerberos", Step: 1, ConnectionBound: true, Offered: []string{"kerberos", "1.2.3"}}},
		{"Negotiate " + b64(negInit(oid(oidKerberos)+oid(oidNTLM), "")),
			Token{Scheme: "Negotiate", Mech: "kerberos", ConnectionBound: true, Offered: []string{"kerberos", "ntlm"}}},
		{"Negotiate " + b64(negInit(oid(oidNegoEx)+oid(oidNTLM), "NEGOEXTS\x00")),
			Token{Scheme: "Negotiate", Mech: "negoex", ConnectionBound: true, Offered: []string{"negoex", "ntlm"}}},
		{"Negotiate " + b64(negResp(1, "", raw(t, type3))), Token{Scheme: "Negotiate", Mech: "spnego-ntlm", Step: 3, ConnectionBound: true, NTLM: ntlm3, State: "accept-incomplete"}},
		{"Nego2 " + b64(negInit(oid(oidNTLM), raw(t, type1))), Token{Scheme: "Nego2", Mech: "spnego-ntlm", Step: 1, ConnectionBound: true, Offered: []string{"ntlm"}, NTLM: ntlm1}},
	} {
		if diff := cmp.Diff(c.want, ParseAuthorization([]byte(c.value))); diff != "" {
			t.Errorf("%.60s: %s", c.value, diff)
		}
	}
}

func TestChallenge(t *testing.T) {
	negotiate, ntlm := Token{Scheme: "Negotiate", ConnectionBound: true}, Token{Scheme: "NTLM", ConnectionBound: true}
	for _, c := range []struct {
		value string
		want  []Token
	}{
		{"", nil},
		{" , ,", nil},
		{"Negotiate", []Token{negotiate}},
		{"Negotiate, NTLM", []Token{negotiate, ntlm}},
		{"ntlm,,Negotiate,", []Token{ntlm, negotiate}},
		{`Basic realm="a, NTLM \" , NTLM"`, []Token{{Scheme: "Basic"}}},
		{`Basic realm="never closed, NTLM`, []Token{{Scheme: "Basic"}}},
		{`Digest realm = "x", nonce=ab==, qop=auth, NTLM, Basic realm=y`, []Token{{Scheme: "Digest"}, ntlm, {Scheme: "Basic"}}},
		{`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`, []Token{{Scheme: "Newauth"}, {Scheme: "Basic"}}},
		{`Bearer`, []Token{{Scheme: "Bearer"}}},
		{"NTLM " + type2, []Token{{Scheme: "NTLM", Mech: "ntlm", Step: 2, ConnectionBound: true, NTLM: &NTLM{Type: 2, Flags: 0x00810201, Target: "DOMAIN"}}}},
		{"Negotiate " + b64(negResp(1, oidNTLM, raw(t, type2))) + ", Basic realm=\"x\"", []Token{
			{Scheme: "Negotiate", Mech: "spnego-ntlm", Step: 2, ConnectionBound: true, NTLM: &NTLM{Type: 2, Flags: 0x00810201, Target: "DOMAIN"}, State: "accept-incomplete", Chosen: "ntlm"}, {Scheme: "Basic"}}},
		{"Negotiate " + b64(negResp(0, oidKerberos, gssKerberos(2, der(tagAPRep, "x")))), []Token{{Scheme: "Negotiate", Mech: "kerberos", Step: 2, ConnectionBound: true, State: "accept-completed", Chosen: "kerberos"}}},
		{"Negotiate " + b64(negResp(0, "", der(tagKrbError, "x"))), []Token{{Scheme: "Negotiate", Mech: "kerberos", Step: 3, ConnectionBound: true, State: "accept-completed"}}},
		{"Negotiate " + b64(negResp(1, oidNTLM, "")), []Token{{Scheme: "Negotiate", Mech: "spnego-ntlm", ConnectionBound: true, State: "accept-incomplete", Chosen: "ntlm"}}},
	} {
		if diff := cmp.Diff(c.want, ParseChallenge([]byte(c.value))); diff != "" {
			t.Errorf("%.60s: %s", c.value, diff)
		}
	}
}

func TestConnectionBound(t *testing.T) {
	for value, want := range map[string]bool{
		"NTLM":                               true,
		"ntlm " + type1:                      true,
		"Negotiate, Basic realm=x":           true,
		`Basic realm="x", NEGOTIATE`:         true,
		"Nego2 abc":                          true,
		"Basic dXNlcjpwYXNz":                 false,
		`Basic realm="NTLM"`:                 false,
		`Basic realm=NTLM, Digest x="a,b"`:   false,
		"NTLMv2":                             false,
		"":                                   false,
		"Bearer NTLM":                        false,
		`Digest a="b, NTLM", Bearer err="x"`: false,
	} {
		if got := ConnectionBound([]byte(value)); got != want {
			t.Errorf("%.60s: got %v", value, got)
		}
	}
	value := []byte(`Digest realm="x", nonce="y", Basic realm="simple", AWS4-HMAC-SHA256 a=b, Negotiate`)
	if n := testing.AllocsPerRun(100, func() { ConnectionBound(value) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestNTLMTruncation: a name is as in the whole message, or empty.
func TestNTLMTruncation(t *testing.T) {
	for _, message := range []string{raw(t, type1), raw(t, type2), raw(t, type3)} {
		whole := parseNTLM([]byte(message))
		for n := range message {
			got := parseNTLM([]byte(message[:n]))
			if (got == nil) != (n < 12) {
				t.Errorf("cut to %d: got %+v", n, got)
			}
			if got == nil {
				continue
			}
			a, b := reflect.ValueOf(*got), reflect.ValueOf(*whole)
			for i := range a.NumField() {
				if f := a.Field(i); f.Kind() == reflect.String && f.String() != "" && f.String() != b.Field(i).String() {
					t.Errorf("cut to %d: %s is %q", n, a.Type().Field(i).Name, f)
				}
			}
		}
	}
}

// TestSPNEGOTruncation: what is cut short is not recognised, because its
// lengths no longer fit.
func TestSPNEGOTruncation(t *testing.T) {
	for _, token := range []string{raw(t, browserInit), negResp(1, oidNTLM, raw(t, type2)), negInit(oid(oidKerberos), apReq), apReq} {
		for n := range token {
			if got := ParseAuthorization([]byte("Negotiate " + b64(token[:n]))); got.Mech != "" || got.NTLM != nil {
				t.Fatalf("cut to %d of %d: %+v", n, len(token), got)
			}
		}
	}
}

// TestNothingSecret looks for the secrets of the messages in what is told.
func TestNothingSecret(t *testing.T) {
	for _, value := range []string{"Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", "dXNlcjpwYXNz dXNlcjpwYXNz", "Bearer dXNlcjpwYXNz", "X-Own dXNlcjpwYXNz"} {
		if got := ParseAuthorization([]byte(value)); strings.Contains(strings.Join(append(got.Offered, got.Scheme, got.Mech), " "), "dXNl") {
			t.Errorf("%s: %+v", value, got)
		}
	}
}

func TestTooLong(t *testing.T) {
	token := b64(raw(t, type1) + strings.Repeat("x", maxToken))
	if got := ParseAuthorization([]byte("NTLM " + token)); got.NTLM != nil || !got.ConnectionBound {
		t.Errorf("got %+v", got)
	}
}

func TestObjectIdentifiers(t *testing.T) {
	for dotted, want := range map[string]string{
		"1.3.6.1.5.5.2": oidSPNEGO, "1.2.840.113554.1.2.2": oidKerberos, "1.2.840.48018.1.2.2": oidKerberosMS,
		"1.2.840.113554.1.2.2.3": oidKerberosUser, "1.3.6.1.4.1.311.2.2.10": oidNTLM, "1.3.6.1.4.1.311.2.2.30": oidNegoEx,
	} {
		var id asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal([]byte(oid(want)), &id); err != nil || id.String() != dotted {
			t.Errorf("%s: got %v, %v", dotted, id, err)
		}
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"NTLM " + type1, "NTLM " + type2, "NTLM " + type3, "Negotiate " + browserInit, "Negotiate " + b64(apReq),
		"Negotiate " + b64(negResp(1, oidNTLM, "x")), `Digest realm="x", nonce=ab==, NTLM, Basic realm=y`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		ParseAuthorization(value)
		tokens := ParseChallenge(value)
		if got := slices.ContainsFunc(tokens, func(t Token) bool { return t.ConnectionBound }); got != ConnectionBound(value) {
			t.Errorf("ConnectionBound is %v, tokens %+v", !got, tokens)
		}
		for _, token := range tokens {
			if token.NTLM != nil && token.Step != token.NTLM.Type {
				t.Errorf("got %+v", token)
			}
		}
	})
}

// FuzzMechanism gives the decoders what is inside base64.
func FuzzMechanism(f *testing.F) {
	for _, s := range []string{type1, type2, type3, browserInit} {
		f.Add([]byte(raw(f, s)))
	}
	f.Add([]byte(apReq))
	f.Add([]byte(negInit(oid(oidKerberos)+oid("\x2a\x03"), "x")))
	f.Add([]byte(negResp(1, oidNTLM, "x")))
	f.Add([]byte("\x60\x84\xff\xff\xff\xff\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var token Token
		token.recognise(b)
		if token.NTLM != nil && (token.Mech != "ntlm" && token.Mech != "spnego-ntlm") {
			t.Errorf("got %+v", token)
		}
	})
}

// TestBinding reads the channel binding of an authenticate message whose
// NTLMv2 response is put together as MS-NLMP, section 2.2.2.7, has it.
func TestBinding(t *testing.T) {
	pair := func(id, n byte, value string) string { return string([]byte{id, 0, n, 0}) + value }
	binding := "0123456789abcdef"
	message := func(pairs string) string {
		response := strings.Repeat("\x00", 16+28) + pairs
		head := []byte("NTLMSSP\x00\x03\x00\x00\x00" + strings.Repeat("\x00", 76))
		head[20], head[22], head[24] = byte(len(response)), byte(len(response)), 88
		return "NTLM " + base64.StdEncoding.EncodeToString([]byte(string(head)+response))
	}
	for _, test := range []struct{ name, pairs, want string }{
		{"behind a name", pair(2, 2, "D\x00") + pair(10, 16, binding) + pair(0, 0, ""), hex.EncodeToString([]byte(binding))},
		{"none", pair(2, 2, "D\x00") + pair(0, 0, ""), ""},
		{"behind the end", pair(0, 0, "") + pair(10, 16, binding), ""},
		{"cut", pair(10, 200, binding), ""},
	} {
		got := ParseAuthorization([]byte(message(test.pairs)))
		if got.NTLM == nil || got.NTLM.Binding != test.want {
			t.Errorf("%s: got %+v, want binding %q", test.name, got.NTLM, test.want)
		}
	}
}
