// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package corpus_test

import "slices"

const (
	verifier = "tlsconfig/verifier.go"
	leafGo   = "tlsconfig/leaf.go"
	fqdnGo   = "internal/fqdn/fqdn.go"
)

// byX509 is what crypto/x509 says of the path: signatures, names, times, usages,
// constraints and critical extensions.
var byX509 = returns("tlsconfig/path.go", "func (p *path) verify(leaf *x509.Certificate, usage x509.ExtKeyUsage, now time.Time) error {", "nil")

// signature is that of the leaf, by a pinned SubCA.
var signature = changed(verifier, "if leaf.CheckSignatureFrom(p.subCA) == nil {", "if true {")

// labels are the characters that names have.
var labels = never(fqdnGo, "if !ldh(name[i]) {")

// anyLabel are the lengths, hyphens and digits of labels.
var anyLabel = slices.Concat(never(fqdnGo, "if i == label || i-label > maxLabel || name[label] == '-' || name[i-1] == '-' {"), never(fqdnGo, "if i == len(name) && !ascii.Letter(name[label]) {"))

// notRevoked asks no checker.
var notRevoked = changed(verifier, "err := v.checkRevocation(ctx, chain, p.OCSPResponse)", "err := error(nil)")

// accepted is the comparison of a certificate's names with those that are accepted.
var accepted = returns("tlsconfig/fqdn.go", "func matchFQDN(names []string, accepted ...string) bool {", "true")

func pathOf(rule string, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "tlsconfig", out: slices.Concat(out...), behind: "path: crypto/x509's verification", front: byX509}
}

func chain(rule string, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "tlsconfig", out: slices.Concat(out...)}
}

func name(rule, behind string, front []edit, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "tlsconfig", out: slices.Concat(out...), behind: behind, front: front}
}

// handshakeMutations are those of a handshake: version, suite, chain, leaf and name.
var handshakeMutations = []mutation{
	{rule: "version: not above TLS 1.2, crypto/tls", tests: "tlsconfig", out: changed("tlsconfig/config.go", "MaxVersion:    tls.VersionTLS12,", "MaxVersion: tls.VersionTLS13,")},
	{rule: "version: not below TLS 1.2, crypto/tls", tests: "tlsconfig", out: changed("tlsconfig/config.go", "MinVersion:    tls.VersionTLS12,", "MinVersion: tls.VersionTLS10,")},
	{rule: "version: not above TLS 1.2, libssl", tests: "tlsconfig/openssl", behind: "suite: none of TLS 1.3, libssl", front: slices.Concat(
		changed("tlsconfig/openssl/context.go", " || int32(call(l.ctxSetCiphersuites, ctx, uintptr(pointer(none)))) != 1", " || none == nil"),
		changed("tlsconfig/openssl/context.go", "		err = l.checkSuites(ctx, suites)\n", "")),
		out: changed("tlsconfig/openssl/context.go", `!ctrl("maximum protocol", ctrlMaxVersion, versionTLS12)`, `!ctrl("maximum protocol", ctrlMaxVersion, 0x0304)`)},
	{rule: "version: not below TLS 1.2, libssl", tests: "tlsconfig/openssl", behind: "libssl's security level, which allows no older version", out: changed("tlsconfig/openssl/context.go", `!ctrl("minimum protocol", ctrlMinVersion, versionTLS12)`, `!ctrl("minimum protocol", ctrlMinVersion, 0x0301)`),
		front: slices.Concat(changed("tlsconfig/openssl/context.go", "if int32(call(l.ctxGetLevel, ctx)) < minimumSecurityLevel {", "if true {"),
			changed("tlsconfig/openssl/context.go", "call(l.ctxSetLevel, ctx, minimumSecurityLevel)", "call(l.ctxSetLevel, ctx, 0)"))},
	chain("version: of what was negotiated", never("tlsconfig/suites.go", "if cs.Version != tls.VersionTLS12 {")),
	chain("suite: of what was negotiated", never("tlsconfig/suites.go", "if !slices.Contains(suites, Suite(cs.CipherSuite)) {")),
	{rule: "suite: one of the list, crypto/tls", tests: "tlsconfig", out: changed("tlsconfig/server.go", "return now.none, nil", "any := now.configs[0].Clone()\n\tany.CipherSuites = hello.CipherSuites\n\treturn any, nil")},
	{rule: "suite: the first of the list, crypto/tls", tests: "tlsconfig", chooses: true, out: changed("tlsconfig/server.go", "if slices.Contains(hello.CipherSuites, uint16(suite)) {", "if suite = s.suites[len(s.suites)-1-i]; slices.Contains(hello.CipherSuites, uint16(suite)) {\n\t\t\ti = len(s.suites) - 1 - i")},

	chain("no-certificate: there is one", changed(verifier, `		return nil, &PeerError{Rule: RuleNoCertificate, Detail: "the peer presented no certificate"}`, "\t\treturn nil, nil")),
	name("subca: the issuer's name", "path: crypto/x509's verification, and revocation: a chain in order", slices.Concat(byX509, notRevoked), never(verifier, "if !bytes.Equal(p.subCA.RawSubject, leaf.RawIssuer) {")),
	pathOf("subca: the SubCA's signature", signature),
	name("key: a signature with SHA-256 or better", "subca: the SubCA's signature, and path: both are crypto/x509's, which takes no SHA-1", slices.Concat(signature, byX509),
		never(verifier, "if !strongSignature(leaf.SignatureAlgorithm) {")),
	name("root: a pinned root issued the SubCA", "path: crypto/x509's verification, and revocation: the SubCA's list is its root's", slices.Concat(byX509, notRevoked), returns("tlsconfig/pins.go", "func issued(root, subCA *x509.Certificate) bool {", "true")),
	pathOf("validity: of the leaf", changed(verifier, "	if err := checkValidity(leaf, now); err != nil {\n		return nil, err", "	if err := checkValidity(leaf, now); false {\n		return nil, err")),
	pathOf("validity: of SubCA and root",
		changed(verifier, "if err := p.checkValidity(now); err == nil {", "if err := p.checkValidity(now); true {"),
		never(verifier, "if path.checkValidity(now) != nil {")),
	chain("path: what crypto/x509 says of critical extensions and constraints", byX509),
	chain("path: a leaf without dNSName below a constrained CA", never("tlsconfig/path.go", "if p.constrained && len(leaf.DNSNames) == 0 {")),
	chain("key: RSA", changed(leafGo, `		return &PeerError{Rule: RuleKey, Cert: leaf, Detail: fmt.Sprintf("the key is %v, not RSA", leaf.PublicKeyAlgorithm)}`, "\t\treturn nil")),
	chain("key: 2048 bits at least", changed(leafGo, "bits < minRSABits || bits > maxRSABits", "bits > maxRSABits")),
	chain("key: 8192 bits at most", changed(leafGo, "bits < minRSABits || bits > maxRSABits", "bits < minRSABits")),
	chain("key: an exponent that is odd and at least 3", never(leafGo, "if !soundExponent(key) {")),
	chain("usage: not a CA's certificate", never(leafGo, "case leaf.IsCA:")),
	name("usage: a keyUsage", "usage: digitalSignature", never(leafGo, "case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:"), never(leafGo, "case leaf.KeyUsage == 0:")),
	chain("usage: digitalSignature", never(leafGo, "case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:")),
	chain("usage: no keyUsage of a CA", never(leafGo, "case leaf.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:")),
	chain("usage: not anyExtendedKeyUsage", never(leafGo, "case slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):")),
	chain("usage: clientAuth of a client", changed(leafGo, "	case x509.ExtKeyUsageClientAuth:\n		if !slices.Contains(leaf.ExtKeyUsage, usage) {", "	case x509.ExtKeyUsageClientAuth:\n		if false {")),
	chain("usage: serverAuth of a server", changed(leafGo, "	case x509.ExtKeyUsageServerAuth:\n		if !slices.Contains(leaf.ExtKeyUsage, usage) {", "	case x509.ExtKeyUsageServerAuth:\n		if false {")),

	chain("fqdn: one of those that are accepted", accepted),
	name("fqdn: a name that is not empty", "fqdn: no empty label", anyLabel, never(fqdnGo, `case name == "":`)),
	chain("fqdn: 253 octets at most", never(fqdnGo, "case len(name) > maxName:")),
	name("fqdn: no dot at the end", "fqdn: no empty label", anyLabel, never(fqdnGo, `case strings.HasSuffix(name, "."):`)),
	name("fqdn: no wildcard", "fqdn: letters, digits and hyphens", labels, never(fqdnGo, `case strings.Contains(name, "*"):`)),
	chain("fqdn: letters, digits and hyphens", labels),
	chain("fqdn: no empty label", changed(fqdnGo, "if i == label || i-label", "if i-label")),
	chain("fqdn: 63 octets of a label at most", changed(fqdnGo, "i-label > maxLabel || ", "")),
	chain("fqdn: no hyphen at the begin of a label", changed(fqdnGo, "name[label] == '-' || ", "")),
	chain("fqdn: no hyphen at the end of a label", changed(fqdnGo, " || name[i-1] == '-'", "")),
	chain("fqdn: no IP address", never(fqdnGo, "if i == len(name) && !ascii.Letter(name[label]) {")),
	chain("fqdn: the common name only without subjectAltName", changed(fqdnGo, "if !hasSubjectAltName(cert) {", "if len(found) == 0 || !hasSubjectAltName(cert) {")),
	chain("fqdn: one common name", changed(fqdnGo, "if len(names) != 1 {", "if len(names) == 0 {")),
	chain("fqdn: a common name that ends in no NUL", changed(fqdnGo, "return names[0], checkEnd(cert.RawSubject)", "return names[0], nil")),
	chain("revocation: the checker is asked", notRevoked),
}
