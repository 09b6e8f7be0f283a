// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
)

// An AuditError is one departure of a config from the guidance.
type AuditError struct {
	Field  string // the field of tls.Config
	Clause string // the section of the guidance
	Detail string // what was found
}

// Error names the field, what was found and the clause.
func (e *AuditError) Error() string {
	return "tls.Config." + e.Field + ": " + e.Detail + " (guidance: " + e.Clause + ")"
}

// The sections of the guidance.
const (
	clauseProtocol = "Secure Socket Layer (SSL) and Transport Layer Security (TLS) Protocols"
	clauseCiphers  = "Ciphers"
	clauseTLSMA    = "Client Certificates (TLSMA)"
)

// Audit compares what can be seen of any config with the guidance and joins one
// *AuditError per departure; nil: none was found.
//
// It does not look inside callbacks: that VerifyConnection is there does not
// say what it accepts, and only handshakes tell (spinetest.TestServer). But it
// asks GetConfigForClient with hellos of its own, each suite alone, all of
// them and all but the most preferred ones in either order, none that is shared,
// and TLS 1.3 only, and audits every config that it returns; the hellos have no
// connection and no context.
//
// A config that sets what only clients use is audited as a client's, one that
// sets what only servers use as a server's, and one that shows neither as a
// server's.
func Audit(cfg *tls.Config) error {
	if cfg == nil {
		return errors.New("there is no config to audit")
	}
	a := new(audit)
	client := looksLikeClient(cfg)
	if client {
		a.common(cfg)
		a.client(cfg)
	}
	if !client || looksLikeServer(cfg) {
		a.server(cfg)
	}
	return errors.Join(a.found...)
}

func looksLikeClient(cfg *tls.Config) bool {
	return cfg.InsecureSkipVerify || cfg.RootCAs != nil || cfg.ServerName != "" ||
		cfg.GetClientCertificate != nil || cfg.ClientSessionCache != nil
}

func looksLikeServer(cfg *tls.Config) bool {
	return cfg.ClientAuth != tls.NoClientCert || cfg.ClientCAs != nil ||
		cfg.GetCertificate != nil || cfg.GetConfigForClient != nil
}

type audit struct {
	found []error
	seen  []*tls.Config
}

func (a *audit) add(field, clause, format string, args ...any) {
	departure := AuditError{Field: field, Clause: clause, Detail: fmt.Sprintf(format, args...)}
	for _, err := range a.found {
		if *err.(*AuditError) == departure { // several configs of one server share most
			return
		}
	}
	a.found = append(a.found, &departure)
}

// common audits what holds for both ends.
func (a *audit) common(cfg *tls.Config) {
	for _, version := range []struct {
		field string
		value uint16
	}{{"MinVersion", cfg.MinVersion}, {"MaxVersion", cfg.MaxVersion}} {
		switch version.value {
		case tls.VersionTLS12:
		case 0:
			a.add(version.field, clauseProtocol, "not set, so that the Go release and GODEBUG decide; it must be TLS 1.2")
		default:
			a.add(version.field, clauseProtocol, "%s; it must be TLS 1.2", tls.VersionName(version.value))
		}
	}
	if cfg.CipherSuites == nil {
		a.add("CipherSuites", clauseCiphers, "not set, so that crypto/tls offers suites of its own choice")
	}
	for _, id := range cfg.CipherSuites {
		if Suite(id).rank() < 0 {
			a.add("CipherSuites", clauseCiphers, "%s is not in the list", tls.CipherSuiteName(id))
		}
	}
	if cfg.Renegotiation != tls.RenegotiateNever {
		a.add("Renegotiation", clauseProtocol, "renegotiation is allowed, and no peer is verified in it")
	}
	if cfg.KeyLogWriter != nil {
		a.add("KeyLogWriter", clauseProtocol, "the keys of every connection are written down")
	}
	for i, cert := range cfg.Certificates {
		a.certificate(i, &cert)
	}
}

func (a *audit) certificate(i int, cert *tls.Certificate) {
	leaf := cert.Leaf
	if leaf == nil && len(cert.Certificate) > 0 {
		leaf, _ = x509.ParseCertificate(cert.Certificate[0])
	}
	if leaf == nil {
		a.add("Certificates", clauseCiphers, "certificate %d cannot be read", i)
		return
	}
	if _, ok := leaf.PublicKey.(*rsa.PublicKey); !ok {
		a.add("Certificates", clauseCiphers, "certificate %d is %v, and every suite wants RSA", i, leaf.PublicKeyAlgorithm)
	} else if err := checkKey(leaf); err != nil {
		a.add("Certificates", clauseCiphers, "certificate %d: %s", i, err.Detail)
	}
}

// verifies reports whether a hook of cfg could apply the rules that crypto/tls
// does not know (pins, the FQDN in the common name, revocation) to every
// handshake: VerifyPeerCertificate is not called for a resumed session.
func verifies(cfg *tls.Config) bool {
	if cfg.VerifyConnection != nil {
		return true
	}
	return cfg.VerifyPeerCertificate != nil && cfg.SessionTicketsDisabled
}

const unverified = "nothing verifies FQDN and revocation on every handshake, resumed ones included"

func (a *audit) client(cfg *tls.Config) {
	if !verifies(cfg) {
		if cfg.InsecureSkipVerify {
			a.add("InsecureSkipVerify", clauseTLSMA, "set, and no VerifyConnection verifies the server instead")
		}
		a.add("VerifyConnection", clauseTLSMA, unverified)
	}
	if !cfg.InsecureSkipVerify && cfg.RootCAs == nil {
		a.add("RootCAs", clauseTLSMA, "not set, so that the CAs of the system are trusted")
	}
	if len(cfg.Certificates) == 0 && cfg.GetClientCertificate == nil {
		a.add("Certificates", clauseTLSMA, "there is no certificate to present")
	}
}

// server audits the config itself, since it is what remains when
// GetConfigForClient returns nil, and those that it chooses.
func (a *audit) server(cfg *tls.Config) {
	a.serverConfig(cfg)
	ask := func(versions []uint16, offer ...uint16) *tls.Config {
		chosen := a.choose(cfg, versions, offer)
		if chosen != nil {
			a.serverConfig(chosen)
			a.overridden(cfg, chosen)
		}
		return chosen
	}
	tls12 := []uint16{tls.VersionTLS12}
	var served []uint16 // in the guidance's order
	var all []uint16
	for _, suite := range Suites() {
		id := uint16(suite)
		all = append(all, id)
		if chosen := ask(tls12, id); chosen != nil && negotiates(chosen, id) {
			served = append(served, id)
		}
	}
	if len(served) == 0 {
		a.add("CipherSuites", clauseCiphers, "no suite of the list can be negotiated")
	}
order:
	for i := range max(len(served), 1) {
		// As a client that has none of the i most preferred.
		offer := slices.DeleteFunc(slices.Clone(all), func(id uint16) bool { return slices.Contains(served[:i], id) })
		reversed := slices.Clone(offer)
		slices.Reverse(reversed)
		for _, offer := range [][]uint16{offer, reversed} {
			chosen := ask(tls12, offer...)
			if chosen == nil || len(served) == 0 {
				continue
			}
			possible := slices.DeleteFunc(slices.Clone(served[i:]), func(id uint16) bool { return !negotiates(chosen, id) })
			if len(possible) > 1 {
				a.add("CipherSuites", clauseCiphers, "%s are open at once, and crypto/tls, not the list, says which is preferred", suiteNames(possible))
				break order
			} else if len(possible) == 1 && possible[0] != served[i] {
				a.add("GetConfigForClient", clauseCiphers, "%v is chosen where %v could be", Suite(possible[0]), Suite(served[i]))
				break order
			}
		}
	}
	ask(tls12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA)
	ask([]uint16{tls.VersionTLS13}, tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384)
}

// overridden finds what was set on a config and is of no effect, or breaks
// handshakes, because GetConfigForClient returns another config.
func (a *audit) overridden(outer, chosen *tls.Config) {
	if chosen == outer {
		return
	}
	const lost = "set on the config and not on those that GetConfigForClient returns, which count"
	if outer.SessionTicketsDisabled != chosen.SessionTicketsDisabled {
		a.add("SessionTicketsDisabled", clauseTLSMA, "differs from the configs that GetConfigForClient returns, so that clients which ask for a ticket fail")
	}
	code := func(f any) uintptr { return reflect.ValueOf(f).Pointer() }
	if hook, counts := code(outer.VerifyPeerCertificate), code(chosen.VerifyPeerCertificate); hook != 0 && hook != counts {
		a.add("VerifyPeerCertificate", clauseTLSMA, lost)
	}
	hook, counts := code(outer.VerifyConnection), code(chosen.VerifyConnection)
	if hook != 0 && counts != 0 && hook != counts { // if one is nil, that config is reported for it
		a.add("VerifyConnection", clauseTLSMA, lost)
	}
	if hook != counts {
		return // the configs differ by design
	}
	// net/http adds HTTP/2 to NextProtos by itself, without effect.
	if slices.ContainsFunc(outer.NextProtos, func(p string) bool { return p != "h2" && !slices.Contains(chosen.NextProtos, p) }) {
		a.add("NextProtos", clauseTLSMA, lost)
	}
	if outer.ClientAuth != chosen.ClientAuth {
		a.add("ClientAuth", clauseTLSMA, lost)
	}
	if source := code(outer.GetCertificate); source != 0 && source != code(chosen.GetCertificate) {
		a.add("GetCertificate", clauseTLSMA, lost)
	}
	// More in the outer list is without effect, too, and net/http demands one suite.
	if outer.CipherSuites != nil && slices.ContainsFunc(chosen.CipherSuites, func(id uint16) bool { return !slices.Contains(outer.CipherSuites, id) }) {
		a.add("CipherSuites", clauseCiphers, lost)
	}
	if code(outer.Time) != code(chosen.Time) {
		a.add("Time", clauseTLSMA, lost)
	}
}

func (a *audit) serverConfig(cfg *tls.Config) {
	if slices.Contains(a.seen, cfg) {
		return
	}
	a.seen = append(a.seen, cfg)
	a.common(cfg)
	switch cfg.ClientAuth {
	case tls.RequireAndVerifyClientCert:
		if cfg.ClientCAs == nil {
			a.add("ClientCAs", clauseTLSMA, "not set, so that the CAs of the system are trusted")
		}
	case tls.RequireAnyClientCert:
	default:
		a.add("ClientAuth", clauseTLSMA, "%v; every client must present a certificate", cfg.ClientAuth)
	}
	if !verifies(cfg) {
		a.add("VerifyConnection", clauseTLSMA, unverified)
	}
}

// choose returns the config that a server would use for a hello, or nil if it
// would refuse it.
func (a *audit) choose(cfg *tls.Config, versions, suites []uint16) (chosen *tls.Config) {
	if cfg.GetConfigForClient == nil {
		return cfg
	}
	defer func() {
		if r := recover(); r != nil {
			a.add("GetConfigForClient", clauseCiphers, "it panicked when asked: %v", r)
			chosen = nil
		}
	}()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	chosen, err := cfg.GetConfigForClient(&tls.ClientHelloInfo{
		CipherSuites:      suites,
		SupportedVersions: versions,
		SupportedCurves:   []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		SupportedPoints:   []uint8{0},
		SignatureSchemes:  []tls.SignatureScheme{tls.PSSWithSHA256, tls.PKCS1WithSHA256, tls.PSSWithSHA384, tls.PKCS1WithSHA384},
		Conn:              ours,
	})
	switch {
	case err != nil:
		return nil
	case chosen == nil:
		return cfg
	}
	return chosen
}

// negotiates reports whether crypto/tls could choose one of the guidance's
// suites under cfg. All of those that it has are among its defaults.
func negotiates(cfg *tls.Config, id uint16) bool {
	return Suite(id).Native() && (cfg.CipherSuites == nil || slices.Contains(cfg.CipherSuites, id))
}

func suiteNames(ids []uint16) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = Suite(id).String()
	}
	return strings.Join(names, ", ")
}
