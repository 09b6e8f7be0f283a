// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Program is one that ends TLS.
type Program string

// The programs that Render knows.
const (
	// Nginx is a server block and what belongs before it, for the http block
	// of nginx 1.13 or later with PCRE.
	Nginx Program = "nginx"
	// HAProxy is a global section, a frontend and a backend for HAProxy 2.4 or
	// later. It reads the key from the certificate's file name with .key appended.
	HAProxy Program = "haproxy"
	// Apache is a virtual host for Apache httpd 2.4 with mod_ssl, mod_headers
	// and mod_proxy_http.
	Apache Program = "apache"
	// Envoy is one listener (envoy.config.listener.v3.Listener) in YAML, whose
	// requests go to the cluster "records".
	Envoy Program = "envoy"
	// Stunnel is a service for stunnel 5.68 or later with OpenSSL 1.1.1 or later, which
	// loses no connection in a reload if it was started with a socket that listens at
	// Listen, as by a socket unit of systemd (sd_listen_fds(3)).
	Stunnel Program = "stunnel"
	// Java is a file of arguments for the java command, "java @FILE", of Java 17
	// or later. It sets what an SSLContext does by default; the program itself
	// asks for client certificates (SSLParameters.setNeedClientAuth), trusts the
	// SubCAs alone, compares the FQDN, and keeps sessions from being resumed for
	// long, since no trust manager is asked again: they last a day unless
	// SSLSessionContext.setSessionTimeout says otherwise, in seconds.
	Java Program = "java"
)

// Programs returns all of them.
func Programs() []Program { return []Program{Nginx, HAProxy, Apache, Envoy, Stunnel, Java} }

// Params is what a proxy needs to know besides the profile. Java needs none of
// it, the others need all but DHParams. Files are named by absolute paths of
// letters, digits and ._/+@-.
type Params struct {
	Listen      string // address that TLS is accepted on, host:port with an IP address
	Backend     string // of the program behind the proxy, reached without TLS, so on the same host: an address, or unix: and the path of a socket
	Certificate string // PEM file: the own leaf and its SubCA
	Key         string // PEM file: the leaf's key
	CAs         string // PEM file: the pinned roots and SubCAs
	CRLs        string // PEM file: the CRLs of exactly these CAs, as a Keeper writes it; for Envoy one of its discovery service, .json or .yaml
	DHParams    string // PEM file with what DHParams returns; nginx only

	// Pins are the same CAs.
	Pins *tlsconfig.Pins

	// FQDNs are the clients' names, such as the Spine Secure Proxy's. nginx, HAProxy
	// and Apache compare the common name, so where clients have theirs in a
	// subjectAltName, or where many systems call, FQDNs stay empty, and the program
	// behind judges the name. stunnel needs them.
	FQDNs []string

	// Secret is what the program behind knows the proxy by (front.Front.Secret): 32
	// letters and digits or more, such as 16 random bytes in hexadecimal. nginx,
	// HAProxy, Apache and Envoy need it unless Backend is a unix socket. They tell it to
	// whatever listens at Backend.
	Secret string

	// LeafCRLs has Apache or Envoy look up the leaf alone in CRLs, where the root's own
	// list has a distribution point that OpenSSL finds no match for, so that everyone
	// would be refused. Whether the SubCA is revoked is left to the program behind.
	LeafCRLs bool

	// AllowNoCRLs is for the same case before nginx and HAProxy, which know no CRLs
	// for the leaf alone. CRLs is empty then, and a revoked client is refused by the
	// program behind alone, whose Verifier must have its Revocation.
	AllowNoCRLs bool
}

// DHParams returns the group ffdhe2048 (RFC 7919 appendix A.1) in PEM, for a
// proxy that brings none of its own.
func DHParams() []byte { return slices.Clone(ffdhe2048) }

//go:embed templates/ffdhe2048.pem
var ffdhe2048 []byte

//go:embed templates/*.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"openssl": func(s []tlsconfig.Suite) string { return join(s, ":", tlsconfig.Suite.String) },
	"iana":    func(s []tlsconfig.Suite) string { return join(s, ",", tlsconfig.Suite.IANA) },
	"pattern": regexp.QuoteMeta,
	// stunnel takes an IPv6 address before the last colon without brackets alone.
	"bare": strings.NewReplacer("[", "", "]", "").Replace,
}).ParseFS(files, "templates/*.tmpl"))

// Render returns the profile as configuration for the program. It refuses
// params that are missing or that could mean something else to the program than
// they say.
func Render(program Program, p Params) ([]byte, error) {
	if !slices.Contains(Programs(), program) {
		return nil, fmt.Errorf("no configuration is known for %q", string(program))
	}
	data := struct {
		Params
		Suites, Native []tlsconfig.Suite
		SubCAs         []string // names in the form of RFC 2253
		ListenHost     string
		ListenPort     int
		Socket         string // path of a unix socket
	}{Params: p, Suites: tlsconfig.Suites()}
	for _, s := range data.Suites {
		if s.Native() {
			data.Native = append(data.Native, s)
		}
	}
	if program != Java {
		var err error
		if data.SubCAs, err = p.check(program); err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
		host, port, _ := net.SplitHostPort(p.Listen)
		data.ListenHost = host
		data.Socket, _ = strings.CutPrefix(p.Backend, unixPrefix)
		if data.Socket == p.Backend {
			data.Socket = ""
		}
		data.ListenPort, _ = strconv.Atoi(port)
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, string(program)+".tmpl", data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// None of the programs gives these characters a meaning of their own. The
// common name of a CA may have spaces.
var (
	plainPath  = regexp.MustCompile(`^(/[A-Za-z0-9._+@-]+)+$`)
	plainFQDN  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$`)
	plainValue = regexp.MustCompile(`^[A-Za-z0-9./-]([A-Za-z0-9 ./-]*[A-Za-z0-9./-])?$`)
	// A secret needs no quoting anywhere.
	plainSecret = regexp.MustCompile(`^[A-Za-z0-9]{32,128}$`)
)

const unixPrefix = "unix:"

func (p *Params) check(program Program) (subCAs []string, err error) {
	var errs []error
	addresses := map[string]string{"Listen": p.Listen}
	socket, unix := strings.CutPrefix(p.Backend, unixPrefix)
	switch {
	case !unix:
		addresses["Backend"] = p.Backend
	case program == Envoy:
		errs = append(errs, errors.New("the backend of Envoy is its cluster's to name"))
	case !plainPath.MatchString(socket):
		errs = append(errs, fmt.Errorf("the Backend is the absolute path of a socket in plain characters behind unix:, not %q", p.Backend))
	}
	switch {
	case program == Stunnel || p.Secret == "" && unix:
	case !plainSecret.MatchString(p.Secret):
		errs = append(errs, errors.New("the Secret is 32 to 128 letters and digits, by which the program behind knows the proxy"))
	}
	for name, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || n == 0 || net.ParseIP(host) == nil {
			errs = append(errs, fmt.Errorf("%s is an IP address and a port, not %q", name, address))
		}
	}
	paths := map[string]string{"Certificate": p.Certificate, "Key": p.Key, "CAs": p.CAs, "CRLs": p.CRLs}
	if p.AllowNoCRLs {
		delete(paths, "CRLs")
		if p.CRLs != "" || !withoutCRLs(program) {
			errs = append(errs, errors.New("AllowNoCRLs is for nginx and HAProxy, and without CRLs"))
		}
	}
	if p.LeafCRLs && !leafCRLs(program) {
		errs = append(errs, errLeafCRLs(program))
	}
	if program == Envoy && !discovery(p.CRLs) {
		errs = append(errs, fmt.Errorf("the file of Envoy's discovery service ends in .json or .yaml, unlike %q", p.CRLs))
	}
	if program == Nginx {
		paths["DHParams"] = p.DHParams
	}
	for name, path := range paths {
		if !plainPath.MatchString(path) {
			errs = append(errs, fmt.Errorf("%s is the absolute path of a file in plain characters, not %q", name, path))
		}
	}
	if program == HAProxy && p.Key != p.Certificate+".key" {
		errs = append(errs, fmt.Errorf("the key is read from %s.key, not from %s", p.Certificate, p.Key))
	}
	if len(p.FQDNs) == 0 && program == Stunnel { // behind which no name is judged
		errs = append(errs, errors.New("FQDNs name no client"))
	}
	for _, fqdn := range p.FQDNs {
		if !plainFQDN.MatchString(fqdn) {
			errs = append(errs, fmt.Errorf("FQDNs are host names, not %q", fqdn))
		}
	}
	for _, ca := range p.Pins.SubCAs() {
		name, err := nameOf(ca)
		if err != nil {
			errs = append(errs, fmt.Errorf("the name of the SubCA %q: %w", ca.Subject.String(), err))
		}
		subCAs = append(subCAs, name)
	}
	if len(subCAs) == 0 {
		errs = append(errs, errors.New("no SubCA is pinned by Pins"))
	}
	return subCAs, errors.Join(errs...)
}

// leafCRLs reports whether a program can look up leaves alone.
func leafCRLs(program Program) bool { return program == Apache || program == Envoy }

// withoutCRLs reports whether AllowNoCRLs is for the program.
func withoutCRLs(program Program) bool { return program == Nginx || program == HAProxy }

// discovery reports whether Envoy takes a file for one of its discovery service: it
// goes by the end of the name.
func discovery(name string) bool {
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".yaml")
}

func errLeafCRLs(program Program) error {
	return fmt.Errorf("%s cannot look up leaves alone in its CRLs", program)
}

// alikeTypes are the attributes whose names crypto/x509 and the programs write alike.
var alikeTypes = map[string]bool{"2.5.4.3": true, "2.5.4.6": true, "2.5.4.7": true, "2.5.4.8": true, "2.5.4.10": true, "2.5.4.11": true}

// nameOf returns the subject as the programs write it, by RFC 2253 and in the
// certificate's own order, which pkix.Name forgets.
func nameOf(ca *x509.Certificate) (string, error) {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(ca.RawSubject, &name); err != nil || len(rest) > 0 || len(name) == 0 {
		return "", errors.New("it cannot be read")
	}
	for _, rdn := range name {
		value, ok := rdn[0].Value.(string)
		if len(rdn) != 1 || !ok || !alikeTypes[rdn[0].Type.String()] || !plainValue.MatchString(value) {
			return "", errors.New("programs write it differently: each part is to be one of C, O, OU, L, ST and CN, of letters, digits, spaces and ./-")
		}
	}
	return name.String(), nil
}

func join(suites []tlsconfig.Suite, separator string, name func(tlsconfig.Suite) string) string {
	names := make([]string, len(suites))
	for i, s := range suites {
		names[i] = name(s)
	}
	return strings.Join(names, separator)
}
