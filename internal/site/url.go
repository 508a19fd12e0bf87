package site

import "strconv"

// URL is what a person can open to reach the site: by its first name, or by
// its address if it takes every name.
func (b Binding) URL() string {
	scheme, usual := "https://", uint16(443)
	if b.Plain {
		scheme, usual = "http://", 80
	}
	host := b.Addr.Addr().String()
	if b.Addr.Addr().Is6() {
		host = "[" + host + "]"
	}
	if len(b.Names) > 0 {
		host = b.Names[0]
	}
	if b.Addr.Port() == usual {
		return scheme + host + "/"
	}
	return scheme + host + ":" + strconv.Itoa(int(b.Addr.Port())) + "/"
}
