package files

import "testing"

func TestNamesOnWindows(t *testing.T) {
	refused := []string{
		"/CON", "/con.txt", "/a/nul", "/NUL .txt", "/com1", "/COM¹.log", "/lpt9.x.y", "/aux.h", "/conin$",
		"/a.txt::$DATA", "/a.txt:stream", "/c:/x", "/a.txt.", "/a.txt ", "/a. /b", "/GIT~1/config", "/a*", "/a?b", "/a|b",
		"/a\\b", "/a\x00b", "/.git",
	}
	for _, path := range refused {
		if name, why := localName(path, true); why == "" {
			t.Errorf("%q became %q", path, name)
		}
	}
	served := map[string]string{
		"/console": "console", "/com": "com", "/COM10": "COM10", "/a~b": "a~b", "/nullable.js": "nullable.js", "/a b.txt": "a b.txt",
	}
	for path, want := range served {
		if name, why := localName(path, true); name != want {
			t.Errorf("%q: %q (%s), want %q", path, name, why, want)
		}
	}
}

func TestNamesElsewhere(t *testing.T) {
	for path, want := range map[string]string{
		"/CON": "CON", "/a:b": "a:b", "/a~1": "a~1", "/": "index.html", "/a//b/": "a/b/index.html",
	} {
		if name, why := localName(path, false); name != want {
			t.Errorf("%q: %q (%s), want %q", path, name, why, want)
		}
	}
}
