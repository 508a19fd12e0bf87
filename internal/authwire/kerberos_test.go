package authwire

import (
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The messages as encoding/asn1 writes them, so that they do not come from
// what reads them. What is secret in them holds the word secret.
type (
	asnEncrypted struct {
		Etype  int    `asn1:"explicit,tag:0"`
		Kvno   int    `asn1:"explicit,optional,tag:1"`
		Cipher []byte `asn1:"explicit,tag:2"`
	}
	asnName struct {
		Type  int             `asn1:"explicit,tag:0"`
		Parts []asn1.RawValue `asn1:"explicit,tag:1"`
	}
	asnTicket struct {
		Version int           `asn1:"explicit,tag:0"`
		Realm   asn1.RawValue `asn1:"tag:1"`
		Service asnName       `asn1:"explicit,tag:2"`
		Enc     asnEncrypted  `asn1:"explicit,tag:3"`
	}
	asnAPReq struct {
		Version int            `asn1:"explicit,tag:0"`
		Type    int            `asn1:"explicit,tag:1"`
		Options asn1.BitString `asn1:"explicit,tag:2"`
		Ticket  asn1.RawValue
		Auth    asnEncrypted `asn1:"explicit,tag:4"`
	}
	asnAPRep struct {
		Version int          `asn1:"explicit,tag:0"`
		Type    int          `asn1:"explicit,tag:1"`
		Enc     asnEncrypted `asn1:"explicit,tag:2"`
	}
	asnError struct {
		Version int       `asn1:"explicit,tag:0"`
		Type    int       `asn1:"explicit,tag:1"`
		Time    time.Time `asn1:"generalized,explicit,tag:4"`
		Micro   int       `asn1:"explicit,tag:5"`
		Code    int       `asn1:"explicit,tag:6"`
		Realm   asn1.RawValue
		Service asnName `asn1:"explicit,tag:10"`
		Text    asn1.RawValue
	}
)

func general(s string) asn1.RawValue { return asn1.RawValue{Tag: tagString, Bytes: []byte(s)} }

func inContext(tag int, s string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: []byte(der(tagString, s))}
}

func serviceName(parts ...string) asnName {
	n := asnName{Type: 2}
	for _, p := range parts {
		n.Parts = append(n.Parts, general(p))
	}
	return n
}

func application(t testing.TB, number string, v any) string {
	t.Helper()
	b, err := asn1.MarshalWithParams(v, "explicit,application,tag:"+number)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sampleAPReq(t testing.TB) string {
	ticket := application(t, "1", asnTicket{5, inContext(1, "CORP.EXAMPLE"), serviceName("HTTP", "app.corp.example"), asnEncrypted{18, 4, []byte("secret ticket")}})
	return application(t, "14", asnAPReq{5, 14, asn1.BitString{Bytes: []byte{0x20, 0, 0, 0}, BitLength: 32},
		asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3, IsCompound: true, Bytes: []byte(ticket)}, asnEncrypted{17, 0, []byte("secret authenticator")}})
}

func sampleError(t testing.TB, code int) string {
	return application(t, "30", asnError{5, 30, time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC), 7, code,
		inContext(9, "CORP.EXAMPLE"), serviceName("HTTP", "app.corp.example"), inContext(11, "clock\nskew")})
}

func sampleAPRep(t testing.TB) string {
	return application(t, "15", asnAPRep{5, 15, asnEncrypted{18, 0, []byte("secret part")}})
}

func TestKerberos(t *testing.T) {
	request := &Kerberos{Message: "AP-REQ", Realm: "CORP.EXAMPLE", Service: "HTTP/app.corp.example", TicketEtype: 18, KeyVersion: 4, Etype: 17, MutualAuth: true}
	reply := &Kerberos{Message: "AP-REP", Etype: 18}
	skew := &Kerberos{Message: "KRB-ERROR", Realm: "CORP.EXAMPLE", Service: "HTTP/app.corp.example", Code: 37, ErrorName: "KRB_AP_ERR_SKEW",
		Text: "clock?skew", ServerTime: "20261121140000Z"}
	mic := der(tagContext3, der(tagOctets, "mic"))
	for name, c := range map[string]struct {
		token string
		want  Token
	}{
		"raw request":    {sampleAPReq(t), Token{Mech: "kerberos", Step: 1, Kerberos: request}},
		"GSS request":    {gssKerberos(1, sampleAPReq(t)), Token{Mech: "kerberos", Step: 1, Kerberos: request}},
		"GSS reply":      {gssKerberos(2, sampleAPRep(t)), Token{Mech: "kerberos", Step: 2, Kerberos: reply}},
		"GSS error":      {gssKerberos(3, sampleError(t, 37)), Token{Mech: "kerberos", Step: 3, Kerberos: skew}},
		"SPNEGO request": {negInit(oid(oidKerberosMS), gssKerberos(1, sampleAPReq(t))), Token{Mech: "kerberos", Step: 1, Offered: []string{"kerberos"}, Kerberos: request}},
		"SPNEGO reply": {negResp(0, oidKerberos, gssKerberos(2, sampleAPRep(t))),
			Token{Mech: "kerberos", Step: 2, State: "accept-completed", Chosen: "kerberos", Kerberos: reply}},
		"SPNEGO error":    {negResp(2, "", gssKerberos(3, sampleError(t, 37))), Token{Mech: "kerberos", Step: 3, State: "reject", Kerberos: skew}},
		"request-mic":     {der(tagContext1, der(tagSequence, der(tagContext0, der(tagEnumerated, "\x03")), mic)), Token{State: "request-mic", MIC: true}},
		"unknown state":   {negResp(9, oidNTLM, ""), Token{Mech: "spnego-ntlm", Chosen: "ntlm"}},
		"other version":   {application(t, "15", asnAPRep{4, 15, asnEncrypted{18, 0, nil}}), Token{Mech: "kerberos", Step: 2}},
		"tag beside type": {application(t, "14", asnAPRep{5, 15, asnEncrypted{18, 0, nil}}), Token{Mech: "kerberos", Step: 1}},
	} {
		var got Token
		got.recognise([]byte(c.token))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestKerberosErrorNames(t *testing.T) {
	for code, want := range map[int]string{7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 32: "KRB_AP_ERR_TKT_EXPIRED", 41: "KRB_AP_ERR_MODIFIED", 60: "KRB_ERR_GENERIC", 99: "99", -1: "-1"} {
		if got := parseKerberos([]byte(sampleError(t, code))); got == nil || got.Code != code || got.ErrorName != want {
			t.Errorf("%d: got %+v", code, got)
		}
	}
	if got := EtypeName(23); got != "rc4-hmac" {
		t.Errorf("etype 23 is %s", got)
	}
}

// TestKerberosTruncation: what is cut short is no message, for its lengths do
// not fit.
func TestKerberosTruncation(t *testing.T) {
	for _, message := range []string{sampleAPReq(t), sampleAPRep(t), sampleError(t, 41)} {
		for n := range message {
			if got := parseKerberos([]byte(message[:n])); got != nil {
				t.Fatalf("cut to %d of %d: %+v", n, len(message), got)
			}
		}
	}
}

func TestKerberosNameLimits(t *testing.T) {
	name, err := asn1.Marshal(serviceName(strings.Split(strings.Repeat("a/", 99)+strings.Repeat("b", 9999), "/")...))
	if err != nil {
		t.Fatal(err)
	}
	if got := principal(name); got != strings.TrimSuffix(strings.Repeat("a/", maxNameParts), "/") {
		t.Errorf("got %q", got)
	}
	if got := text([]byte(der(tagString, strings.Repeat("b", 9999))), tagString); len(got) != maxName {
		t.Errorf("got %d bytes", len(got))
	}
}

func FuzzKerberos(f *testing.F) {
	for _, s := range []string{sampleAPReq(f), sampleAPRep(f), sampleError(f, 37), "\x6e\x84\x7f\xff\xff\xff\x30", "\x7e\x04\x30\x80\x00\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k := parseKerberos(b)
		if k == nil {
			return
		}
		if len(k.Service) > maxNameParts*3*(maxName+1) || len(k.Realm) > 3*maxName || strings.ContainsAny(k.Realm+k.Service+k.Text, "\r\n\x00") {
			t.Errorf("got %+v", k)
		}
	})
}
