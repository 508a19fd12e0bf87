package main

import "fmt"

// storeWrite has one door record in memory alone, and one on disk too.
func storeWrite(b *bench) ([]subject, error) {
	cert, err := b.makeCertificate()
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	origin, err := startOrigin(b, "http", cert)
	if err != nil {
		return nil, fmt.Errorf("start origin: %w", err)
	}
	return b.subjects([]peer{
		{name: "fanlight, in memory", find: buildFanlight, start: fanlightWith("{memory: 64MiB, disk: off}")},
		{name: "fanlight, on disk", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB}")},
	}, route{scheme: "http", origin: origin, cert: cert}, proxySubject)
}

// recordingCosts has one door record nothing, one in memory, and one on disk
// too, which is the default.
func recordingCosts(b *bench) ([]subject, error) {
	cert, err := b.makeCertificate()
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	origin, err := startOrigin(b, "http", cert)
	if err != nil {
		return nil, fmt.Errorf("start origin: %w", err)
	}
	return b.subjects([]peer{
		{name: "fanlight, recording off", find: buildFanlight, start: fanlightWith("off")},
		{name: "fanlight, in memory", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB, disk: off}")},
		{name: "fanlight", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB}")},
	}, route{scheme: "http", origin: origin, cert: cert}, proxySubject)
}
