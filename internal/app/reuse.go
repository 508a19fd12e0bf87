package app

import (
	"crypto/tls"
	"os"
	"reflect"
	"slices"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/origin"
)

// stamp is how a file was when a site was made of it.
type stamp struct {
	path string
	size int64
	at   time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{path: path}
	}
	return stamp{path, info.Size(), info.ModTime()}
}

// note keeps how the files are that a site is made of, and that nothing looks
// at again.
func (b *builder) note(paths ...string) {
	for _, path := range paths {
		if path != "" {
			b.stamps = append(b.stamps, stampOf(path))
		}
	}
}

// filesChanged tells whether a file is no longer as it was.
func (b *built) filesChanged() bool {
	return slices.ContainsFunc(b.stamps, func(s stamp) bool {
		now := stampOf(s.path)
		return now.size != s.size || !now.at.Equal(s.at)
	})
}

// origin gives the origin for some options: one of the site before, with its
// connections and all that is known of it, if it has the same.
func (b *builder) origin(o origin.Options) *origin.Origin {
	i := slices.IndexFunc(b.spare, func(m *balance.Member) bool { return sameOrigin(m.Origin.Options, o) })
	if i < 0 {
		return origin.New(o)
	}
	found := b.spare[i].Origin
	b.spare = slices.Delete(b.spare, i, i+1)
	return found
}

// inherit has the members of a group go on with what is known of their origins.
func (b *builder) inherit(g *balance.Group) {
	for _, m := range g.Members {
		if i := slices.IndexFunc(b.former, func(old *balance.Member) bool { return old.Origin == m.Origin }); i >= 0 {
			m.Inherit(b.former[i])
		}
	}
}

// sameOrigin compares what a configuration says of two origins. What every
// origin of a door has alike is left out; a function that is not counts as
// different.
func sameOrigin(a, b origin.Options) bool {
	if (a.Roots == nil) != (b.Roots == nil) || a.Roots != nil && !a.Roots.Equal(b.Roots) || !sameCertificate(a.Certificate, b.Certificate) {
		return false
	}
	for _, o := range []*origin.Options{&a, &b} {
		o.Roots, o.Certificate, o.Recorder, o.Buffers, o.KeyLog = nil, nil, nil, nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func sameCertificate(a, b *tls.Certificate) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(a.Certificate, b.Certificate)
}
