package tlswire

// VersionNames are the names of the versions offered, highest first.
func (h *ClientHello) VersionNames() []string {
	var names []string
	for _, v := range h.Versions {
		if !IsGREASE(v) {
			names = append(names, VersionName(v))
		}
	}
	return names
}
