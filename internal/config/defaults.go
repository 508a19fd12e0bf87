package config

import (
	"path/filepath"
	"slices"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// SetDefaults fills in what the file (or the code that made c) left at zero.
// It may be called again.
func (c *Config) SetDefaults() {
	setDefault(&c.Data, "./fanlight-data")
	setDefault(&c.Control, "unix:"+filepath.Join(c.Data, "control.sock"))
	setDefault(&c.Console, "127.0.0.1:7443")
	setDefault(&c.AccessLog.To, "stdout")
	setDefault(&c.AccessLog.Format, "fanlight")
	c.Recording.setDefaults()
	c.Limits = c.Limits.WithDefaults()
	for i := range c.Notify {
		setDefault(&c.Notify[i].Severity, "error")
		setDefault(&c.Notify[i].Every, Duration(time.Minute))
	}
	for name, s := range c.Sites {
		s.setDefaults(name)
	}
}

func (r *Recording) setDefaults() {
	if !r.Off {
		setDefault(&r.Memory, 64*mib)
		setDefault(&r.Disk.Size, 1024*mib)
		setDefault(&r.Disk.Age, Duration(7*24*time.Hour))
	}
}

// WithDefaults gives the limits with every zero replaced by its default.
func (l Limits) WithDefaults() Limits {
	setDefault(&l.HeaderBytes, 32*kib)
	setDefault(&l.TargetBytes, min(16*kib, l.HeaderBytes))
	setDefault(&l.HeaderFields, 200)
	setDefault(&l.HeaderTimeout, seconds(10))
	setDefault(&l.BodyTimeout, seconds(30))
	setDefault(&l.BodyRate, 240)
	setDefault(&l.IdleTimeout, seconds(75))
	setDefault(&l.WriteTimeout, seconds(60))
	setDefault(&l.TLSTimeout, seconds(10))
	setDefault(&l.Grace, seconds(30))
	setDefault(&l.HTTP2.Streams, 128)
	setDefault(&l.HTTP2.Body, 256*kib)
	setDefault(&l.HTTP2.BodyAll, 1024*kib)
	setDefault(&l.HTTP2.Resets, 200)
	setDefault(&l.HTTP2.Frames, 2000)
	setDefault(&l.HandOver, Duration(24*time.Hour))
	setDefault(&l.Inspected, 64*mib)
	setDefault(&l.Compressions, 256)
	return l
}

func (s *Site) setDefaults(name string) {
	s.Name = name
	setDefault(&s.State, "running")
	setDefault(&s.WhenStopped, "refuse")
	setDefault(&s.HTTP, "auto")
	if s.Certificate == nil && s.speaksTLS() {
		s.Certificate = &Certificate{Local: true}
	}
	s.RateLimit.setDefaults()
	s.Compress.setDefaults()
	s.Filter.setDefaults()
	s.WAF.setDefaults()
	for i := range s.Routes {
		s.Routes[i].Compress.setDefaults()
		s.Routes[i].setDefaults()
	}
}

func (s *Site) speaksTLS() bool {
	return slices.ContainsFunc(s.Bind, func(b Binding) bool { return !b.Plain })
}

func (r *Route) setDefaults() {
	r.RateLimit.setDefaults()
	if r.Respond != nil {
		setDefault(&r.Respond.Status, 200)
	}
	if len(r.To) == 0 {
		return
	}
	setDefault(&r.Host, "keep")
	setDefault(&r.HTTP, "auto")
	setDefault(&r.TLS.Max, "1.3")
	setDefault(&r.TLS.Min, min("1.2", r.TLS.Max))
	setDefault(&r.TLS.Renegotiation, "once")
	setDefault(&r.Pool.Idle, 256)
	setDefault(&r.Limits.ResponseHeaderBytes, 256*kib)
	setDefault(&r.Pool.Queue, 100)
	setDefault(&r.Pool.QueueTimeout, seconds(5))
	r.setBalanceDefaults()
	r.Timeouts = r.Timeouts.WithDefaults()
}

func (l *RateLimit) setDefaults() {
	if l != nil {
		setDefault(&l.Per, seconds(1))
		setDefault(&l.Key, "address")
	}
}

// WithDefaults gives the timeouts with every zero replaced by its default.
func (t Timeouts) WithDefaults() Timeouts {
	setDefault(&t.Connect, seconds(5))
	setDefault(&t.TLS, seconds(10))
	setDefault(&t.Send, seconds(30))
	setDefault(&t.FirstByte, seconds(60))
	setDefault(&t.Between, seconds(60))
	setDefault(&t.Idle, seconds(30))
	setDefault(&t.Tunnel, Duration(time.Hour))
	return t
}

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }

func setDefault[T comparable](dst *T, v T) {
	var zero T
	if *dst == zero {
		*dst = v
	}
}
