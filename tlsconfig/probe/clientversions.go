// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

const (
	subjectVersions = "versions offered"
	subjectOlder    = "versions before TLS 1.2"
)

// versions compares the versions that the client offers with the guidance. A hello
// without supported_versions names the highest alone (RFC 5246 section 7.4.1.2), and
// crypto/tls then lists whatever it has itself below that one.
func (c *callers) versions(info *tls.ClientHelloInfo) {
	offered, most := info.SupportedVersions, ""
	if !slices.Contains(info.Extensions, extSupportedVersions) && len(offered) > 0 {
		offered, most = offered[:1], " at most"
		c.older = offered[0] == tls.VersionTLS12 && slices.ContainsFunc(info.CipherSuites, isOlder)
	}
	var names, wrong []string
	for _, v := range offered {
		if isGrease(v) {
			continue
		}
		names = append(names, tls.VersionName(v))
		if v != tls.VersionTLS12 {
			wrong = append(wrong, tls.VersionName(v))
		}
	}
	switch {
	case len(names) == 0: // such as SSL version 3, for which crypto/tls has no list
		c.report.add(clauseProtocol, subjectVersions, Departure, remedyVersion, "none that crypto/tls knows")
	case len(wrong) > 0:
		c.report.add(clauseProtocol, subjectVersions, Departure, remedyVersion, "%s%s", strings.Join(names, ", "), most)
	default:
		c.report.add(clauseProtocol, subjectVersions, Conformant, "", "%s%s", strings.Join(names, ", "), most)
	}
}

// isOlder reports whether a version before TLS 1.2 may have a suite, which its name tells:
// those of TLS 1.2 end with the hash of its pseudorandom function, or are CCM's (RFC 5246
// section 5, RFC 6655).
func isOlder(id uint16) bool {
	if isSignal(id) {
		return false
	}
	name := suiteName(id)
	if slices.Contains(tlsconfig.Suites(), tlsconfig.Suite(id)) {
		name = tlsconfig.Suite(id).IANA()
	}
	return !slices.ContainsFunc([]string{"_SHA256", "_SHA384", "_CCM", "_CCM_8"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

// takesOlder makes the server's half of a handshake of TLS 1.1, or 1.0, with a client
// whose hello leaves open whether it takes them.
func (c *callers) takesOlder(ctx context.Context, conn net.Conn, cert *tls.Certificate) {
	config := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, Certificates: []tls.Certificate{*cert}, SessionTicketsDisabled: true}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.Contains(suite.SupportedVersions, tls.VersionTLS11) {
			config.CipherSuites = append(config.CipherSuites, suite.ID)
		}
	}
	var read bytes.Buffer
	server := tls.Server(recorder{conn, &read}, config)
	err := server.HandshakeContext(ctx)
	if sent, ok := alertIn(read.Bytes()); ok && err != nil {
		err = sent // some clients send it in a record of TLS 1.2, which crypto/tls refuses
	}
	switch {
	case err == nil:
		c.report.add(clauseProtocol, subjectOlder, Departure, remedyVersion, "negotiated: %s", tls.VersionName(server.ConnectionState().Version))
	case refused(err) || isRemote(err):
		c.report.add(clauseProtocol, subjectOlder, Conformant, "", "refused: %v", err)
	default:
		c.report.add(clauseProtocol, subjectOlder, Undecided, "", "%v", err)
	}
}

// alertIn returns the fatal alert that follows records of the handshake protocol.
func alertIn(octets []byte) (alert, bool) {
	for len(octets) >= 7 {
		if octets[0] == recordAlert && octets[5] == 2 {
			return alert(octets[6]), true
		}
		next := 5 + int(binary.BigEndian.Uint16(octets[3:]))
		if octets[0] != recordHandshake || next > len(octets) {
			break
		}
		octets = octets[next:]
	}
	return 0, false
}
