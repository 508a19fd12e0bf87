package waf

import (
	"bytes"
	"strings"
)

// LooksAt reports whether a body of a media type, the value of Content-Type, is
// for rules to look at. What says nothing of itself is. further are types, in
// lower case, that are beside those that always are.
func LooksAt(field []byte, further []string) (kind string, looked bool) {
	media, _, _ := bytes.Cut(field, []byte(";"))
	kind = strings.ToLower(string(bytes.TrimSpace(media)))
	if anyType(further, kind) {
		return kind, true
	}
	return kind, !anyType(blind(), kind) && !strings.HasPrefix(kind, "application/grpc+")
}

// blind are media types whose bodies hold nothing that rules can read.
func blind() []string {
	return []string{"application/octet-stream", "application/zip", "application/gzip", "application/grpc", "application/x-7z-compressed",
		"application/x-rar-compressed", "application/vnd.rar", "application/x-tar", "application/zstd", "image/*", "audio/*", "video/*", "font/*"}
}

func anyType(types []string, kind string) bool {
	for _, t := range types {
		if all, is := strings.CutSuffix(t, "*"); t == kind || is && strings.HasPrefix(kind, all) {
			return true
		}
	}
	return false
}
