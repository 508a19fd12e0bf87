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
	var subjects []subject
	for _, p := range []peer{
		{name: "fanlight, in memory", find: buildFanlight, start: fanlightWith("{memory: 64MiB, disk: off}")},
		{name: "fanlight, on disk", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB}")},
	} {
		subjects = append(subjects, proxySubject(b, p, route{scheme: "http", origin: origin, cert: cert}))
	}
	return subjects, nil
}
