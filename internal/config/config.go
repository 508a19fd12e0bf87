// Package config is the whole configuration as plain structs, with defaults and
// a strict reader that names the file, line and column of every fault.
package config

import (
	"net/netip"
	"time"
)

// The yaml tag names a key; a key without omitempty must be there. The example
// tag is what to write when it is missing. The jsonschema tag holds what a value
// may be, for the reader and the schema alike. The comments of the fields are
// the schema's descriptions, and the defaults they name are those of
// defaults.go (a test compares them).

// Config is a configuration file, with sites.d/*.yaml merged into Sites.
type Config struct {
	Addresses  []Address        `yaml:"addresses,omitempty"`       // addresses sites may bind; left out: any address a binding names
	Control    string           `yaml:"control,omitempty"`         // unix:PATH; default: control.sock in the data folder
	Console    string           `yaml:"console,omitempty"`         // loopback ADDR:PORT, or off; default 127.0.0.1:7443
	Data       string           `yaml:"data,omitempty"`            // folder for the local CA, records and state; default ./fanlight-data
	Recording  Recording        `yaml:"recording,omitempty"`       // how much is recorded, or the word off
	AccessLog  AccessLog        `yaml:"access_log,omitempty"`      // where ended exchanges are written, and how; ends with recording: off
	Trusted    []Prefix         `yaml:"trusted_proxies,omitempty"` // peers whose forwarding headers are believed
	Balancers  []Balancer       `yaml:"proxy_protocol,omitempty"`  // load balancers that put a PROXY header in front of each connection
	LocalNames []string         `yaml:"local_names,omitempty"`     // further DNS suffixes the local CA may sign
	Limits     Limits           `yaml:"limits,omitempty"`          // protection from slow and large requests
	Notify     []Notify         `yaml:"notify,omitempty"`          // who is told of findings; needs recording
	Sites      map[string]*Site `yaml:"sites,omitempty"`           // sites by name

	Path   string  `yaml:"-"` // the file it was read from
	Dir    string  `yaml:"-"` // its folder; relative paths start here
	Faults []Fault `yaml:"-"` // faults inside sites, in the order of the files; each fails its site alone

	places places
}

// Recording says how much is kept. In YAML it is the word off, or a mapping.
type Recording struct {
	Off    bool `yaml:"-"`
	Memory Size `yaml:"memory,omitempty" jsonschema:"minimum=1"` // memory for recent traffic; default 64MiB
	Bodies Size `yaml:"bodies,omitempty" jsonschema:"minimum=0"` // bytes of each body kept; default 0; more is not available yet
	Disk   Disk `yaml:"disk,omitempty"`                          // what is kept in the data folder, or the word off
}

// Disk says how much is kept in the data folder. In YAML it is the word off, or
// a mapping.
type Disk struct {
	Off  bool     `yaml:"-"`
	Size Size     `yaml:"size,omitempty" jsonschema:"minimum=1"` // bytes on disk, the index included; default 1GiB; at least 16MiB
	Age  Duration `yaml:"age,omitempty"`                         // what has no finding is kept so long at most; default 7d
}

// AccessLog says where ended exchanges of clients are written, a line each. In
// YAML it is where alone, or a mapping.
type AccessLog struct {
	To     string `yaml:"to,omitempty"`                                                                 // stdout, off, or a file, which is opened anew when it was moved away; default stdout
	Format string `yaml:"format,omitempty" jsonschema:"enum=fanlight,enum=combined,enum=w3c,enum=json"` // fanlight: exchanges as in records; combined as nginx and Apache write it; w3c as IIS does; json: a flat object; default fanlight
}

// Limits protect the door from slow and large requests. In a struct made in
// code, zero means the default; in a file, zero is a fault where it is not a
// limit.
type Limits struct {
	HeaderBytes   Size     `yaml:"header_bytes,omitempty" jsonschema:"minimum=1024"` // request head; default 32KiB; above: 431
	TargetBytes   Size     `yaml:"target_bytes,omitempty" jsonschema:"minimum=128"`  // request target; default 16KiB; above: 414
	HeaderFields  int      `yaml:"header_fields,omitempty" jsonschema:"minimum=1"`   // header fields of a request; default 200; above: 431
	HeaderTimeout Duration `yaml:"header_timeout,omitempty"`                         // whole request head; default 10s; above: 408; as long for a PROXY header
	BodyTimeout   Duration `yaml:"body_timeout,omitempty"`                           // between two reads of a request body; default 30s
	BodyRate      Size     `yaml:"body_rate,omitempty" jsonschema:"minimum=1"`       // bytes a second of a request body; default 240; body_timeout behind that: 408
	IdleTimeout   Duration `yaml:"idle_timeout,omitempty"`                           // between requests; default 75s
	WriteTimeout  Duration `yaml:"write_timeout,omitempty"`                          // between two writes to the client; default 60s
	TLSTimeout    Duration `yaml:"tls_timeout,omitempty"`                            // handshake with the client; default 10s
	Grace         Duration `yaml:"grace,omitempty"`                                  // open exchanges at stop; default 30s
	HandOver      Duration `yaml:"hand_over,omitempty"`                              // connections of the old process after an upgrade; default 24h
	Inspected     Size     `yaml:"inspected,omitempty" jsonschema:"minimum=65536"`   // bytes of bodies that are held while the WAF looks at them, in all; default 64MiB; above: 503, or unseen with on_failure: pass
	Compressions  int      `yaml:"compressions,omitempty" jsonschema:"minimum=1"`    // responses compressed at a time, 1 to 2 MB of memory each, 5 with level best; default 256; others pass as they are
	Connections   int      `yaml:"connections,omitempty" jsonschema:"minimum=0"`     // client connections in all; default 0: no limit but the system's
	HTTP2         H2Limits `yaml:"http2,omitempty"`                                  // of one connection that speaks HTTP/2
}

// H2Limits bound what a client of HTTP/2 can do at little cost to itself. Above
// one of them its connection ends with ENHANCE_YOUR_CALM, unless the comment
// says otherwise.
type H2Limits struct {
	Streams int  `yaml:"streams,omitempty" jsonschema:"minimum=1"`      // requests at a time; default 128; above: the request is refused
	Body    Size `yaml:"body,omitempty" jsonschema:"minimum=1"`         // bytes of one request body that may wait for the origin; default 256KiB; above: the client waits
	BodyAll Size `yaml:"body_all,omitempty" jsonschema:"minimum=65535"` // the same of all requests together; default 1MiB; above: the client waits
	Resets  int  `yaml:"resets,omitempty" jsonschema:"minimum=1"`       // requests given up or refused within 10s; default 200
	Frames  int  `yaml:"frames,omitempty" jsonschema:"minimum=1"`       // frames that carry nothing, such as PING and SETTINGS, within 10s; default 2000
}

// Balancer says who speaks the PROXY protocol, in version 1 or 2, on which
// addresses: a peer in From must begin each connection with the header, all others
// must not.
type Balancer struct {
	Bind []Endpoint `yaml:"bind" example:"bind: [\"127.0.0.2:443\"]"` // addresses with ports that sites bind
	From []Prefix   `yaml:"from" example:"from: [10.0.0.7]"`          // addresses of the load balancers
}

// Notify tells somebody of findings, as JSON. Exactly one of Webhook and Exec is
// set.
type Notify struct {
	Webhook  string   `yaml:"webhook,omitempty"`                                                 // https URL that gets a POST
	Exec     []string `yaml:"exec,omitempty"`                                                    // program, found as a shell would, and its arguments; it reads standard input
	Severity string   `yaml:"severity,omitempty" jsonschema:"enum=error,enum=warning,enum=note"` // and above; default error
	Every    Duration `yaml:"every,omitempty"`                                                   // each finding at most once in this time, with its number since; default 1m
}

// Site is one set of names on exact addresses, with one certificate.
type Site struct {
	Name            string       `yaml:"-"`
	Bind            []Binding    `yaml:"bind" example:"bind: [\"127.0.0.2:443 shop.test\"]"`                  // exact addresses, each with the names served there
	State           string       `yaml:"state,omitempty" jsonschema:"enum=running,enum=stopped"`              // state at the first start; default running
	Certificate     *Certificate `yaml:"certificate,omitempty"`                                               // default local
	HTTP            string       `yaml:"http,omitempty" jsonschema:"enum=auto,enum=1.1,enum=2"`               // versions offered to clients: auto is 2 and 1.1; plain bindings speak 1.1; default auto
	WhenStopped     string       `yaml:"when_stopped,omitempty" jsonschema:"enum=refuse,enum=page"`           // what a client of the stopped site gets: no connection, or a 503 page; default refuse
	Limits          SiteLimits   `yaml:"limits,omitempty"`                                                    // what one client may take of the site
	Allow           []Prefix     `yaml:"allow,omitempty"`                                                     // client addresses that may come; left out: all
	Deny            []Prefix     `yaml:"deny,omitempty"`                                                      // client addresses that may not come, whatever allow says
	DenyFile        string       `yaml:"deny_file,omitempty"`                                                 // file with further such addresses, one or a CIDR block a line, # before a comment; read again when it changes
	RateLimit       *RateLimit   `yaml:"rate_limit,omitempty"`                                                // how many requests pass; more: 429
	StatusPages     StatusPages  `yaml:"status_pages,omitempty"`                                              // own pages for answers of 4xx and 5xx
	RequestHeaders  HeaderRules  `yaml:"request_headers,omitempty"`                                           // changes to every request
	ResponseHeaders HeaderRules  `yaml:"response_headers,omitempty"`                                          // changes to every response
	Compress        *Compress    `yaml:"compress,omitempty"`                                                  // compression of responses, or the word off; left out: off
	Filter          *Filter      `yaml:"filter,omitempty"`                                                    // requests that are refused for what they ask; left out: none
	WAF             *WAF         `yaml:"waf,omitempty"`                                                       // the OWASP Core Rule Set; left out: off
	Routes          []Route      `yaml:"routes" example:"routes: [{path: /, to: \"https://10.0.0.5:8443\"}]"` // the first that matches wins
}

// Binding is "ADDR:PORT [NAME ...]"; http:// before the address means no TLS.
type Binding struct {
	Addr  netip.AddrPort
	Plain bool
	Names []string // lower case, "*.example.test" allowed; empty: every name
}

// Certificate says where a certificate comes from. In YAML it is the word
// local (of the local CA; for sites only), or a mapping.
type Certificate struct {
	Local        bool   `yaml:"-"`
	File         string `yaml:"file,omitempty"`          // PEM: leaf first, then the chain
	Key          string `yaml:"key,omitempty"`           // PEM; left out: the key is in file
	PFX          string `yaml:"pfx,omitempty"`           // PKCS #12, with key and chain
	PasswordFile string `yaml:"password_file,omitempty"` // file with the password of pfx
}

// HeaderRules change header fields: remove first, then set, then add.
type HeaderRules struct {
	Set    map[string]string `yaml:"set,omitempty"`    // fields that get this one value
	Add    map[string]string `yaml:"add,omitempty"`    // fields that get one more value
	Remove []string          `yaml:"remove,omitempty"` // fields that are taken out
}

// Filter refuses requests as UrlScan and the request filtering of IIS do. What is
// left out is not looked at. The URL is the path as received, without the query;
// decoded means with %XX and %uXXXX undone once.
type Filter struct {
	Preset           string            `yaml:"preset,omitempty" jsonschema:"enum=iis,enum=urlscan"`           // what was shipped with IIS 10 or UrlScan 3.1, for every key that is left out; an empty list takes one out
	Mode             string            `yaml:"mode,omitempty" jsonschema:"enum=block,enum=watch"`             // watch records what it would refuse, and refuses nothing; default block
	Verbs            *FilterVerbs      `yaml:"verbs,omitempty"`                                               // methods; refused: 404.6
	Extensions       *FilterExtensions `yaml:"extensions,omitempty"`                                          // what follows the last dot of the URL, up to a slash; refused: 404.7
	DenyURL          []string          `yaml:"deny_url,omitempty"`                                            // texts the URL may not hold, in any letter case; %XX stands for a byte; refused: 404.5
	DenyQuery        []string          `yaml:"deny_query,omitempty"`                                          // the same for the query; refused: 404.18
	DenyHeaders      []string          `yaml:"deny_headers,omitempty"`                                        // names of fields a request may not have; refused: 404.10
	HiddenSegments   []string          `yaml:"hidden_segments,omitempty"`                                     // whole segments of the decoded URL, in any letter case; refused: 404.8
	DoubleEscaping   string            `yaml:"double_escaping,omitempty" jsonschema:"enum=deny,enum=allow"`   // URLs that change when they are decoded again; refused: 404.11; default allow
	HighBit          string            `yaml:"high_bit,omitempty" jsonschema:"enum=deny,enum=allow"`          // bytes above 0x7f in the URL; refused: 404.12; default allow
	DotsInPath       string            `yaml:"dots_in_path,omitempty" jsonschema:"enum=deny,enum=allow"`      // more than one dot in the URL; refused: 404; default allow
	UnescapedPercent string            `yaml:"unescaped_percent,omitempty" jsonschema:"enum=deny,enum=allow"` // a percent sign in URL or query that escapes nothing; refused: 400; default allow
	Normalize        *bool             `yaml:"normalize,omitempty"`                                           // look at the decoded URL; false: as received; default true
	UnescapeQuery    *bool             `yaml:"unescape_query,omitempty"`                                      // look at the decoded query too; default true
	Max              FilterMax         `yaml:"max,omitempty"`                                                 // longest parts of a request
	AlwaysAllow      FilterAllow       `yaml:"always_allow,omitempty"`                                        // what passes in any case
	Rules            []FilterRule      `yaml:"rules,omitempty"`                                               // texts that parts of a request may not hold; refused: 404.19
	Rejected         FilterRejected    `yaml:"rejected,omitempty"`                                            // what a refused client gets; left out: the status of the check that refused, and the usual page
	ServerHeader     ServerHeader      `yaml:"server_header,omitempty"`                                       // the field Server of responses: keep, remove, or {set: NAME}; default keep
}

// FilterVerbs are the methods that are let in, or those that are not. One of
// Allow and Deny is set.
type FilterVerbs struct {
	Allow      []string `yaml:"allow,omitempty"`       // these alone
	Deny       []string `yaml:"deny,omitempty"`        // all but these
	IgnoreCase *bool    `yaml:"ignore_case,omitempty"` // get is GET; left out: false with allow and true with deny, as in UrlScan; IIS never does
}

// FilterExtensions are the extensions that are let in, or those that are not,
// in any letter case. One of Allow and Deny is set.
type FilterExtensions struct {
	Allow []string `yaml:"allow,omitempty"` // such as .htm; "." stands for URLs without an extension
	Deny  []string `yaml:"deny,omitempty"`  // such as .exe
}

// FilterMax bounds the parts of a request, in bytes.
type FilterMax struct {
	URL     Size            `yaml:"url,omitempty" jsonschema:"minimum=1"`   // without the query; above: 404.14
	Query   Size            `yaml:"query,omitempty" jsonschema:"minimum=1"` // without the question mark; above: 404.15
	Body    Size            `yaml:"body,omitempty" jsonschema:"minimum=1"`  // whether its length is told before or not; above: 413.1
	Headers map[string]Size `yaml:"headers,omitempty"`                      // the value of a field; 0: it must be empty; above: 431
}

// FilterAllow are URLs and queries that pass in any case.
type FilterAllow struct {
	URLs    []string `yaml:"urls,omitempty"`                                                // whole decoded URLs, in any letter case
	Queries []string `yaml:"queries,omitempty"`                                             // whole queries, without the question mark, in any letter case
	Skips   string   `yaml:"skips,omitempty" jsonschema:"enum=all,enum=own,enum=sequences"` // all checks (UrlScan 3.1), those of the URL or the query itself (own: UrlScan 3.0), or deny_url or deny_query alone (sequences: IIS); default all
}

// FilterRule looks for texts in the parts of requests that it names.
type FilterRule struct {
	Name             string   `yaml:"name" example:"name: sql"`                                      // in records
	Extensions       []string `yaml:"extensions,omitempty"`                                          // of the URLs that it is for; left out: all
	URL              bool     `yaml:"url,omitempty"`                                                 // looks at the URL
	Query            bool     `yaml:"query,omitempty"`                                               // looks at the query
	Raw              bool     `yaml:"raw,omitempty"`                                                 // looks at all header fields as received
	Headers          []string `yaml:"headers,omitempty"`                                             // looks at the values of these fields
	Deny             []string `yaml:"deny,omitempty"`                                                // texts, in any letter case; %XX stands for a byte
	UnescapedPercent string   `yaml:"unescaped_percent,omitempty" jsonschema:"enum=deny,enum=allow"` // a percent sign that escapes nothing, in what the rule looks at but the URL; default allow
}

// FilterRejected is what a refused client gets.
type FilterRejected struct {
	Status   int    `yaml:"status,omitempty" jsonschema:"minimum=400"` // in place of the status of the check
	Page     string `yaml:"page,omitempty"`                            // file that is shown
	Redirect string `yaml:"redirect,omitempty"`                        // where the client is sent with 302; placeholders as in routes
}

// ServerHeader is what becomes of the field Server of responses: keep, remove,
// or in YAML {set: NAME}.
type ServerHeader struct {
	Remove bool
	Set    string
}

// Route is what to do with the requests that meet its conditions: Path, Exact,
// Pattern, Hosts, Methods, Headers, of which one at least is set. Exactly one of
// Files, To, Redirect and Respond is set.
type Route struct {
	Path            string            `yaml:"path,omitempty"`                                        // prefix of the decoded path
	Exact           string            `yaml:"exact,omitempty"`                                       // the whole decoded path
	Pattern         string            `yaml:"pattern,omitempty"`                                     // regular expression (RE2) found in the decoded path
	Hosts           []string          `yaml:"hosts,omitempty"`                                       // names of the site; *.example.test is any one label before it
	Methods         []string          `yaml:"methods,omitempty"`                                     // such as POST; GET takes HEAD as well
	Headers         map[string]string `yaml:"headers,omitempty"`                                     // request fields, each with its value, * for any value, or /PATTERN/
	Rewrite         Rewrite           `yaml:"rewrite,omitempty"`                                     // changes to the target that the origin or the folder is asked for
	Files           string            `yaml:"files,omitempty"`                                       // folder to serve; path is stripped
	To              Origins           `yaml:"to,omitempty"`                                          // origin, or a list of them
	Redirect        string            `yaml:"redirect,omitempty"`                                    // target of a redirect; placeholders such as {uri}, {host}, {path}, {query} are replaced
	RedirectStatus  int               `yaml:"redirect_status,omitempty"`                             // 301, 302, 303, 307 or 308; left out: 308
	Respond         *Respond          `yaml:"respond,omitempty"`                                     // a fixed answer
	Host            string            `yaml:"host,omitempty"`                                        // Host sent to the origin: keep, origin, or a name; default keep
	HTTP            string            `yaml:"http,omitempty" jsonschema:"enum=auto,enum=1.1,enum=2"` // version spoken with the origin, auto: 2 where it offers that; default auto
	ProxyHeader     string            `yaml:"proxy_protocol,omitempty" jsonschema:"enum=v1,enum=v2"` // version of the PROXY header that tells the origin the client's address, in HTTP/1.1 and with connections for each client; left out: none
	TLS             OriginTLS         `yaml:"tls,omitempty"`                                         // how to speak TLS with the origin
	Timeouts        Timeouts          `yaml:"timeouts,omitempty"`                                    // how long to wait for the origin
	Pool            Pool              `yaml:"pool,omitempty"`                                        // connections to each origin, and who has to wait for one
	Balance         Balance           `yaml:"balance,omitempty"`                                     // how the next origin is chosen: round_robin, least_connections, or hash of address, path, header NAME or cookie NAME; default round_robin
	Sticky          string            `yaml:"sticky,omitempty"`                                      // name of a cookie that ties a client to the origin that answered it first
	Health          *Health           `yaml:"health,omitempty"`                                      // how origins are asked whether they are well; left out: they are not
	Eject           Eject             `yaml:"eject,omitempty"`                                       // who is left out for a while after failures, or the word off
	Retry           Retry             `yaml:"retry,omitempty"`                                       // what is tried again when an origin fails, or the word off
	Resolve         Duration          `yaml:"resolve,omitempty"`                                     // the addresses of an origin's name are looked up again so often; default 30s
	Limits          RouteLimits       `yaml:"limits,omitempty"`                                      // what one request may take of the route
	Allow           []Prefix          `yaml:"allow,omitempty"`                                       // client addresses that may come; those of the site hold too
	Deny            []Prefix          `yaml:"deny,omitempty"`                                        // client addresses that may not come, whatever allow says
	DenyFile        string            `yaml:"deny_file,omitempty"`                                   // file with further such addresses, one or a CIDR block a line, # before a comment; read again when it changes
	RateLimit       *RateLimit        `yaml:"rate_limit,omitempty"`                                  // how many requests pass, beside the limit of the site; more: 429
	StatusPages     StatusPages       `yaml:"status_pages,omitempty"`                                // own pages for answers of 4xx and 5xx, before those of the site
	RequestHeaders  HeaderRules       `yaml:"request_headers,omitempty"`                             // changes to requests of this route, after those of the site
	ResponseHeaders HeaderRules       `yaml:"response_headers,omitempty"`                            // changes to responses of this route, after those of the site
	Compress        *Compress         `yaml:"compress,omitempty"`                                    // instead of that of the site
	WAF             string            `yaml:"waf,omitempty" jsonschema:"enum=off,enum=watch"`        // less than the site has: off, or watch in place of block; left out: that of the site
}

// Compress says which responses are compressed for clients that take it. What
// has a content coding already, parts of a file, streams of events and responses
// marked no-transform never are. In YAML it is the word off, or a mapping.
type Compress struct {
	Off        bool     `yaml:"-"`
	Algorithms []string `yaml:"algorithms,omitempty"`                                           // zstd, br, gzip; of those a client wants equally the first is taken; left out: all, in this order
	Types      []string `yaml:"types,omitempty"`                                                // media types; a * at the end stands for any rest; left out: text/*, JSON, JavaScript, XML, SVG, WebAssembly and uncompressed fonts
	MinBytes   Size     `yaml:"min_bytes,omitempty" jsonschema:"minimum=1"`                     // what is known to be shorter passes as it is; default 512
	Level      string   `yaml:"level,omitempty" jsonschema:"enum=fast,enum=balanced,enum=best"` // how much work is done; default balanced
}

// SiteLimits bound what one client may take of a site.
type SiteLimits struct {
	PerAddress int  `yaml:"per_address,omitempty" jsonschema:"minimum=0"`           // connections of one client address, of IPv6 one /64; default 0: no limit; above: 429
	Exchanges  int  `yaml:"exchanges_per_address,omitempty" jsonschema:"minimum=0"` // requests under way at a time of one client, also behind trusted_proxies, of IPv6 one /64; default 0: no limit; above: 429
	BodyBytes  Size `yaml:"body_bytes,omitempty" jsonschema:"minimum=0"`            // body of a request; default 0: no limit; above: 413
}

// RouteLimits bound what one request may take of a route.
type RouteLimits struct {
	BodyBytes           Size `yaml:"body_bytes,omitempty" jsonschema:"minimum=1"`               // body of a request; left out: that of the site; above: 413
	ResponseHeaderBytes Size `yaml:"response_header_bytes,omitempty" jsonschema:"minimum=1024"` // head of an origin's response; default 256KiB; above: 502
}

// RateLimit lets so many requests pass in a time, counted by key.
type RateLimit struct {
	Requests int      `yaml:"requests" example:"requests: 100" jsonschema:"minimum=1"` // in the time of per
	Per      Duration `yaml:"per,omitempty"`                                           // default 1s
	Burst    int      `yaml:"burst,omitempty" jsonschema:"minimum=1"`                  // at once; left out: as requests
	Key      string   `yaml:"key,omitempty"`                                           // address (of IPv6 its /64), site (all together), or header NAME; default address
}

// StatusPages are files by status, such as 404, or 5xx for the other ones of a
// class. In YAML replace, true or false, stands among them.
type StatusPages struct {
	Replace bool              // also in place of what origins answer
	Files   map[string]string // by 404 or 5xx
}

// Rewrite changes the path, by Strip and Prefix or by Replace, and the query.
type Rewrite struct {
	Strip   string `yaml:"strip,omitempty"`   // taken off the beginning of the path, whole segments only
	Prefix  string `yaml:"prefix,omitempty"`  // put before the path
	Pattern string `yaml:"pattern,omitempty"` // what is replaced (RE2); left out: the pattern of the route
	Replace string `yaml:"replace,omitempty"` // what comes there; $1 or ${1} is the first group
	Query   string `yaml:"query,omitempty"`   // keep, drop, or the new query; left out: keep
}

// Respond is a fixed answer. At most one of Text and File is set.
type Respond struct {
	Status int    `yaml:"status,omitempty" jsonschema:"minimum=200"` // left out: 200
	Text   string `yaml:"text,omitempty"`                            // body; placeholders are replaced
	File   string `yaml:"file,omitempty"`                            // file with the body, 1MiB at most, read once; placeholders are replaced in text
	Type   string `yaml:"type,omitempty"`                            // media type; left out: by the file's name, or plain text
}

// Origins is one origin URL or a list of them: https://HOST[:PORT] or http://...
type Origins []Origin

// Origin is a server behind the door. In YAML it is its URL, or a mapping.
type Origin struct {
	Scheme string // https or http
	Host   string // name or address, without brackets
	Port   uint16
	Weight int  // share of the exchanges beside the others, 1 to 100
	Backup bool // used when no other can be
}

// Balance is written round_robin, least_connections, hash address, hash path,
// hash header NAME or hash cookie NAME.
type Balance struct {
	Method string // round_robin, least_connections or hash
	Key    string // of a hash: address, path, header or cookie
	Name   string // of the header field or cookie
}

// Health says how origins are asked whether they are well.
type Health struct {
	Path     string   `yaml:"path" example:"path: /health"`          // what GET asks for
	Host     string   `yaml:"host,omitempty"`                        // Host of the request; left out: as requests of this route have it, with the first name of the site
	Interval Duration `yaml:"interval,omitempty"`                    // between two checks of an origin; default 5s
	Timeout  Duration `yaml:"timeout,omitempty"`                     // for the whole check; default 2s
	Status   Statuses `yaml:"status,omitempty"`                      // good answers, such as 200 or a list with ranges; default 200-399
	Rise     int      `yaml:"rise,omitempty" jsonschema:"minimum=1"` // good checks in a row that bring an origin up; default 2
	Fall     int      `yaml:"fall,omitempty" jsonschema:"minimum=1"` // bad checks in a row that take it down; default 3
}

// Eject says when an origin is left out for a while. The last one that can be
// used never is. In YAML it is the word off, or a mapping.
type Eject struct {
	Off        bool     `yaml:"-"`
	Failures   int      `yaml:"failures,omitempty" jsonschema:"minimum=1"` // in a row: no connection, no TLS, no answer, or a status below; default 5
	Window     Duration `yaml:"window,omitempty"`                          // in which they happen; default 30s
	Status     Statuses `yaml:"status,omitempty"`                          // answers that are failures; default 502-504
	For        Duration `yaml:"for,omitempty"`                             // how long the first time; twice as long each time again, 16 times at most; default 10s
	SlowReturn Duration `yaml:"slow_return,omitempty"`                     // over which its share grows afterwards, and after a health check brought it up; default 10s
}

// Retry says what is tried again, at another origin if there is one. In YAML it
// is the word off, or a mapping.
type Retry struct {
	Off           bool        `yaml:"-"`
	Attempts      int         `yaml:"attempts,omitempty" jsonschema:"minimum=1"`                    // further tries at most; left out: each other origin once
	On            []Condition `yaml:"on,omitempty"`                                                 // after what: connect, refused, reset, timeout, 502, 503, 504; left out: connect
	Budget        Percent     `yaml:"budget,omitempty"`                                             // tries of what was sent already, of the requests of ten seconds; at least 10; default 20%
	NonIdempotent string      `yaml:"non_idempotent,omitempty" jsonschema:"enum=never,enum=always"` // whether POST and the like are sent again, too; default never
}

// Condition is a kind of failure: connect, refused, reset, timeout, 502, 503 or 504.
type Condition string

// Percent is written 20%.
type Percent int

// Statuses is one status or range of them, or a list: 200, 200-399.
type Statuses []StatusRange

// StatusRange is the statuses from First to Last.
type StatusRange struct{ First, Last int }

// Count is a number, or the word off.
type Count int

// NoCount is the word off.
const NoCount Count = -1

// OriginTLS says how to speak TLS with an origin.
type OriginTLS struct {
	CA                string       `yaml:"ca,omitempty"`                                                          // PEM file instead of the system's roots
	Name              string       `yaml:"name,omitempty"`                                                        // SNI and verified name; left out: the host of the origin, or for an address the Host sent
	Insecure          bool         `yaml:"insecure,omitempty"`                                                    // do not verify the origin's certificate
	Min               string       `yaml:"min,omitempty" jsonschema:"enum=1.0,enum=1.1,enum=1.2,enum=1.3"`        // lowest TLS version; default 1.2
	Max               string       `yaml:"max,omitempty" jsonschema:"enum=1.0,enum=1.1,enum=1.2,enum=1.3"`        // highest TLS version; default 1.3
	Legacy            bool         `yaml:"legacy,omitempty"`                                                      // also RSA key exchange, CBC and 3DES
	Renegotiation     string       `yaml:"renegotiation,omitempty" jsonschema:"enum=once,enum=never,enum=freely"` // how often an origin may ask for it in one exchange; default once
	ClientCertificate *Certificate `yaml:"client_certificate,omitempty"`                                          // shown to an origin that asks for one
}

// Timeouts end a wait for an origin, each by its own name. Zero: the default.
type Timeouts struct {
	Connect   Duration `yaml:"connect,omitempty"`    // TCP connection; default 5s
	TLS       Duration `yaml:"tls,omitempty"`        // handshake; default 10s
	Send      Duration `yaml:"send,omitempty"`       // between two writes; default 30s
	FirstByte Duration `yaml:"first_byte,omitempty"` // from the end of the request; default 60s
	Between   Duration `yaml:"between,omitempty"`    // between two reads of a body; default 60s
	Idle      Duration `yaml:"idle,omitempty"`       // of a pooled connection; default 30s
	Tunnel    Duration `yaml:"tunnel,omitempty"`     // silence in a tunnel; default 1h
	Exchange  Duration `yaml:"exchange,omitempty"`   // whole exchange with an origin, tunnels excepted; left out: no limit
}

// Pool bounds the connections to each origin, and what it has to do at a time.
type Pool struct {
	Idle         int      `yaml:"idle,omitempty" jsonschema:"minimum=1"`        // kept idle; default 256
	Connections  int      `yaml:"connections,omitempty" jsonschema:"minimum=0"` // of HTTP/1.1 open at a time, the idle ones too; further requests wait; default 0: no limit
	Requests     int      `yaml:"requests,omitempty" jsonschema:"minimum=0"`    // under way at a time; further ones wait; default 0: no limit
	Queue        Count    `yaml:"queue,omitempty"`                              // how many may wait, or off: they get a 503 at once; default 100
	QueueTimeout Duration `yaml:"queue_timeout,omitempty"`                      // how long they wait; default 5s
}

// WAF says what the OWASP Core Rule Set does for a site.
type WAF struct {
	Mode       string            `yaml:"mode" jsonschema:"enum=off,enum=watch,enum=block" example:"mode: watch"` // watch: what would be refused is told of, and passes; block: it is refused with 403
	Paranoia   int               `yaml:"paranoia,omitempty" jsonschema:"minimum=1"`                              // rules up to this level, 1 to 4, count against the thresholds; default 1
	Detect     int               `yaml:"detect,omitempty" jsonschema:"minimum=1"`                                // rules up to this level are told of; left out: paranoia
	Thresholds WAFThresholds     `yaml:"thresholds,omitempty"`                                                   // scores at which an exchange is refused
	Body       WAFBody           `yaml:"body,omitempty"`                                                         // what rules see of request bodies
	Responses  bool              `yaml:"responses,omitempty"`                                                    // rules about responses too; text up to 512KiB is held back until it is judged
	OnFailure  string            `yaml:"on_failure,omitempty" jsonschema:"enum=refuse,enum=pass"`                // when the WAF itself fails: 500, or the exchange passes unseen; default refuse
	Set        map[string]string `yaml:"set,omitempty"`                                                          // variables of the rule set's setup, such as allowed_methods
	Exclude    []WAFExclusion    `yaml:"exclude,omitempty"`                                                      // rules that do not fit some requests
	Directives string            `yaml:"directives,omitempty" example:"directives: own.conf"`                    // file of further rules in SecLang, behind the rule set
	Audit      string            `yaml:"audit,omitempty" example:"audit: waf.jsonl"`                             // file that gets a JSON object for each request in which a rule matched
	Engine     string            `yaml:"engine,omitempty" jsonschema:"enum=auto,enum=coraza"`                    // coraza: the rules run by Coraza, many times slower, to compare; default auto
}

// WAFThresholds are scores: a critical match adds 5, an error 4, a warning 3, a
// notice 2.
type WAFThresholds struct {
	Inbound  int `yaml:"inbound,omitempty" jsonschema:"minimum=1"`  // of a request; default 5
	Outbound int `yaml:"outbound,omitempty" jsonschema:"minimum=1"` // of a response; default 4
}

// WAFBody says what rules see of request bodies.
type WAFBody struct {
	Limit Size     `yaml:"limit,omitempty" jsonschema:"minimum=1"`                 // bytes of a body that rules see; it is held until they have; default 128KiB; at most 64MiB
	Files Size     `yaml:"files,omitempty" jsonschema:"minimum=1"`                 // bytes that the files in a form (multipart/form-data) may take beside that; they are held too, and no rule reads them; default 12MiB; at most 64MiB
	Over  string   `yaml:"over,omitempty" jsonschema:"enum=refuse,enum=partial"`   // a longer body: 413, or what is behind the limit passes unseen; default refuse
	Types []string `yaml:"types,omitempty" example:"types: [application/msgpack]"` // further media types to look at, such as application/octet-stream or image/*
}

// WAFExclusion keeps a rule from requests that it does not fit. What is left out
// applies to all.
type WAFExclusion struct {
	Rule   string `yaml:"rule" example:"rule: \"942100\""` // an id, a range such as 942100-942199, or tag:NAME
	Target string `yaml:"target,omitempty"`                // such as ARGS:comment: that variable alone; left out: the whole rule
	Host   string `yaml:"host,omitempty"`                  // a name of the site
	Path   string `yaml:"path,omitempty"`                  // prefix of the decoded path
	Exact  string `yaml:"exact,omitempty"`                 // the whole decoded path, in place of a prefix
	Method string `yaml:"method,omitempty"`                // such as POST
	Why    string `yaml:"why,omitempty"`                   // what the next reader has to know
}

// Duration is written 5s, 250ms, 1h30m.
type Duration time.Duration

// Size is written 64MiB, 10kB, or a number of bytes.
type Size int64

// Address is an IP address a site may bind.
type Address = netip.Addr

// Endpoint is an IP address with a port.
type Endpoint = netip.AddrPort

// Prefix is an IP address or CIDR block.
type Prefix = netip.Prefix

// Fault is one thing wrong in a configuration file, with its place.
type Fault struct {
	File    string
	Line    int    // from 1; 0: unknown
	Column  int    // from 1, in characters
	Path    string // sites.shop.bind[0]
	Site    string // the site it fails alone; empty: the whole configuration
	Message string // verb phrase that names the thing
	Hint    string // the way out, e.g. did you mean "bind"?
	Source  string // the source line
	Outside bool   // an address that is not in addresses: it may be added while the door runs
}
