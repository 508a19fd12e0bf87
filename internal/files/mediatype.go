package files

import (
	"path"
	"strings"
)

// mediaType is the Content-Type of a file, by its name alone: the same on every
// machine.
func mediaType(name string) string {
	if t, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "application/octet-stream"
}

// mediaTypes are IANA's names; text is UTF-8.
var mediaTypes = map[string]string{
	".appcache":    "text/cache-manifest; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".csv":         "text/csv; charset=utf-8",
	".htm":         "text/html; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ics":         "text/calendar; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".log":         "text/plain; charset=utf-8",
	".md":          "text/markdown; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".txt":         "text/plain; charset=utf-8",
	".vcf":         "text/vcard; charset=utf-8",
	".vtt":         "text/vtt; charset=utf-8",
	".yaml":        "application/yaml",
	".yml":         "application/yaml",
	".xml":         "text/xml; charset=utf-8",
	".xsl":         "text/xml; charset=utf-8",
	".atom":        "application/atom+xml",
	".geojson":     "application/geo+json",
	".json":        "application/json",
	".jsonld":      "application/ld+json",
	".map":         "application/json",
	".rss":         "application/rss+xml",
	".webmanifest": "application/manifest+json",
	".xhtml":       "application/xhtml+xml",

	".apng": "image/apng",
	".avif": "image/avif",
	".bmp":  "image/bmp",
	".gif":  "image/gif",
	".ico":  "image/vnd.microsoft.icon",
	".jpeg": "image/jpeg",
	".jpg":  "image/jpeg",
	".jxl":  "image/jxl",
	".png":  "image/png",
	".svg":  "image/svg+xml",
	".tif":  "image/tiff",
	".tiff": "image/tiff",
	".webp": "image/webp",

	".aac":  "audio/aac",
	".flac": "audio/flac",
	".m4a":  "audio/mp4",
	".mp3":  "audio/mpeg",
	".oga":  "audio/ogg",
	".ogg":  "audio/ogg",
	".opus": "audio/ogg",
	".wav":  "audio/wav",
	".weba": "audio/webm",

	".m3u8": "application/vnd.apple.mpegurl",
	".m4v":  "video/mp4",
	".mkv":  "video/matroska",
	".mov":  "video/quicktime",
	".mp4":  "video/mp4",
	".mpd":  "application/dash+xml",
	".mpeg": "video/mpeg",
	".ogv":  "video/ogg",
	".ts":   "video/mp2t",
	".webm": "video/webm",

	".otf":   "font/otf",
	".ttf":   "font/ttf",
	".woff":  "font/woff",
	".woff2": "font/woff2",

	".7z":   "application/x-7z-compressed",
	".cer":  "application/pkix-cert",
	".crl":  "application/pkix-crl",
	".crt":  "application/x-x509-ca-cert",
	".doc":  "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".epub": "application/epub+zip",
	".gz":   "application/gzip",
	".jar":  "application/java-archive",
	".pdf":  "application/pdf",
	".ppt":  "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".rtf":  "application/rtf",
	".tar":  "application/x-tar",
	".tgz":  "application/gzip",
	".wasm": "application/wasm",
	".xls":  "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".zip":  "application/zip",
	".zst":  "application/zstd",
}
