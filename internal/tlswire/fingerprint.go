package tlswire

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// JA3 is the fingerprint of a client after Althouse, Atkinson and Atkins: the
// MD5 of its version, cipher suites, extensions, groups and point formats.
func JA3(h *ClientHello) string {
	formats := make([]uint16, len(h.PointFormats))
	for i, f := range h.PointFormats {
		formats[i] = uint16(f)
	}
	fields := []string{strconv.Itoa(int(h.Version))}
	for _, list := range [][]uint16{h.CipherSuites, h.Extensions, h.Groups, formats} {
		fields = append(fields, joined(withoutGREASE(list), "-", "%d"))
	}
	sum := md5.Sum([]byte(strings.Join(fields, ",")))
	return hex.EncodeToString(sum[:])
}

// JA4 is the fingerprint of a client after FoxIO's specification of JA4 (the
// client part, which is under the BSD licence). transport is 't' for TCP, 'q'
// for QUIC, 'd' for DTLS.
func JA4(h *ClientHello, transport byte) string {
	suites, extensions := withoutGREASE(h.CipherSuites), withoutGREASE(h.Extensions)
	sni := byte('i')
	if slices.Contains(extensions, extServerName) {
		sni = 'd'
	}
	head := fmt.Sprintf("%c%s%c%02d%02d%s", transport, ja4Version(h), sni,
		min(len(suites), 99), min(len(extensions), 99), ja4ALPN(h.ALPN))
	slices.Sort(suites)
	return head + "_" + shortHash(joined(suites, ",", "%04x")) + "_" + shortHash(ja4Extensions(h, extensions))
}

func ja4Version(h *ClientHello) string {
	v := h.Version
	if len(h.Versions) > 0 {
		v = h.Versions[0]
	}
	switch {
	case v == 0x0002:
		return "s2"
	case v == 0x0300:
		return "s3"
	case v > 0x0300 && v <= 0x0304:
		return "1" + strconv.Itoa(int(v)-0x0301)
	}
	return "00"
}

// ja4ALPN is the first and the last character of the first protocol; of its
// hex if one of them is no letter or digit.
func ja4ALPN(protocols []string) string {
	if len(protocols) == 0 || protocols[0] == "" {
		return "00"
	}
	p := protocols[0]
	if !alphanumeric(p[0]) || !alphanumeric(p[len(p)-1]) {
		p = hex.EncodeToString([]byte(p))
	}
	return string([]byte{p[0], p[len(p)-1]})
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func ja4Extensions(h *ClientHello, extensions []uint16) string {
	extensions = slices.DeleteFunc(extensions, func(id uint16) bool { return id == extServerName || id == extALPN })
	slices.Sort(extensions)
	out := joined(extensions, ",", "%04x")
	if algorithms := withoutGREASE(h.SignatureAlgorithms); len(algorithms) > 0 {
		out += "_" + joined(algorithms, ",", "%04x")
	}
	return out
}

func shortHash(s string) string {
	if s == "" {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

func withoutGREASE(list []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(list), IsGREASE)
}

func joined(list []uint16, separator, verb string) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = fmt.Sprintf(verb, v)
	}
	return strings.Join(words, separator)
}
