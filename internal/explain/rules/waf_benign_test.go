package rules

import "testing"

func TestOrdinary(t *testing.T) {
	for _, s := range []string{"O'Brien", "d’or", "time flies like an arrow", "Select a gift from our new catalogue", "Mary-Jane O'Neil", "a - b", "union of workers select a leader",
		"5 or 6 people", "L'heure d'été, et l'hiver!", "cat and dog", "drop the table off"} {
		if !ordinary(s) {
			t.Errorf("%q is not taken for ordinary", s)
		}
	}
	for _, s := range []string{"", "whoami", "window.location", "1' or '1'='1", "1 union select name from users", "1 or 1 like 1", "ping -c 1 10.0.0.1", "a -- b", "cat /etc/passwd", "x; ls",
		"<b>hi there</b>", "sleep(8) hours", "'; x", "it is' so", "$(id) now", "{{7 7}}", "drop table users", "insert into a b", "hello\nthere you", `say "hi" to me`, "a=b or c", "javascript: alert me",
		"http://10.0.0.1/x y"} {
		if ordinary(s) {
			t.Errorf("%q is taken for ordinary", s)
		}
	}
}
