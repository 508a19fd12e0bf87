package main

// storeWrite has one door record in memory alone, and one on disk too.
func storeWrite(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	return b.subjects([]peer{
		{name: "fanlight, in memory", find: buildFanlight, start: fanlightWith("{memory: 64MiB, disk: off}")},
		{name: "fanlight, on disk", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB}")},
	}, r, proxySubject)
}

// recordingCosts has one door record nothing, one in memory, and one on disk
// too, which is the default.
func recordingCosts(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	return b.subjects([]peer{
		{name: "fanlight, recording off", find: buildFanlight, start: fanlightWith("off")},
		{name: "fanlight, in memory", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB, disk: off}")},
		{name: "fanlight", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB}")},
	}, r, proxySubject)
}
