// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package corpus_test

import "slices"

const (
	coversGo    = "revocation/internal/crl/covers.go"
	parseGo     = "revocation/internal/crl/parse.go"
	seriesGo    = "revocation/internal/known/series.go"
	answersGo   = "revocation/internal/known/answerverdict.go"
	answerGo    = "revocation/internal/ocsp/answer.go"
	issuerGo    = "revocation/internal/ocsp/issuer.go"
	policyGo    = "revocation/policy.go"
	algorithmGo = "revocation/internal/der/algorithm.go"
)

// The Checker weighs the times of an answer once more.
var (
	lasts = changed(policyGo, "if !at.After(end) {", "if true {")
	began = never(policyGo, "case a.ThisUpdate.After(at.Add(clockTolerance)):")
)

// twice is that several answers about one certificate are one too many.
var twice = never(answerGo, "case several && found.status != Revoked:")

func weighed(rule string, front []edit, out ...[]edit) mutation {
	return mutation{rule: "revocation: " + rule, tests: "tlsconfig", out: slices.Concat(out...), behind: "revocation: the Checker's own look at the times", front: front}
}

func revocation(rule string, out ...[]edit) mutation {
	return mutation{rule: "revocation: " + rule, tests: "tlsconfig", out: slices.Concat(out...)}
}

// byIssuer keeps and looks up lists by their issuer alone, not by the names of their
// distribution points.
var byIssuer = slices.Concat(
	returns("revocation/internal/known/list.go", "func (l *List) Keys() (keys []string) {", "[]string{l.Issuer()}"),
	returns("revocation/internal/known/list.go", "func KeysOf(s *crl.Subject) (keys []string) {", "[]string{s.Issuer}"))

// revocationMutations are those of one list or one answer. What several mean together
// has a table of its own, in revocation/internal/simulation.
var revocationMutations = []mutation{
	revocation("the SubCA's, too", changed("revocation/check.go", "	last := len(chain) - 2\n", "	last := 0\n")),
	revocation("unknown is a refusal", changed("revocation/checker.go", "	return c.decide(ctx, t, unknown)\n", "	_ = unknown\n	return c.decide(ctx, t, nil)\n")),
	revocation("what a CRL lists", returns("revocation/internal/crl/find.go", "func (l *List) Find(s *Subject) (Entry, bool) {", "Entry{}, false")),
	revocation("what a delta CRL lists", never(seriesGo, "if entry, listed := l.Find(subject); listed && entry.Reason != der.ReasonRemoveFromCRL {")),
	revocation("a CRL's signature", changed("revocation/internal/crl/signer.go", "valid := l.algorithm.Verify(cert.PublicKey, l.digest, l.signature) == nil", "valid := true")),
	revocation("a CRL signed with SHA-256 or better, and an answer", changed(algorithmGo, "	\"\\x30\\x0b\\x06\\x09\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x01\\x0b\": {crypto.SHA256, verifyPKCS1v15},\n",
		"	\"\\x30\\x0b\\x06\\x09\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x01\\x0b\": {crypto.SHA256, verifyPKCS1v15},\n	\"\\x30\\x0d\\x06\\x09\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x01\\x05\\x05\\x00\": {crypto.SHA1, verifyPKCS1v15},\n")),
	revocation("no unknown critical extension of a CRL", never(parseGo, "if critical {")),
	revocation("no unknown critical extension of an entry", never("revocation/internal/crl/entry.go", "if critical {")),
	{rule: "revocation: a CRL of the certificate's distribution point", tests: "tlsconfig", behind: "revocation: lists that are looked up by the names of their points", front: byIssuer,
		out: never(coversGo, "if !der.Share(own, names) {")},
	revocation("no CRL of end entities for a CA", never(coversGo, "case l.scope.userCerts && ca:")),
	revocation("no CRL of CAs for an end entity", never(coversGo, "case l.scope.caCerts && !ca:")),
	revocation("no CRL of attribute certificates", never(coversGo, "case l.scope.attributeCerts:")),
	revocation("a CRL for every reason", never(coversGo, "if l.scope.someReasons {")),
	weighed("a CRL that has begun", began, changed(seriesGo, "return !d.window.before(d.at, l.ThisUpdate().Add(-ClockTolerance))", "return true")),
	weighed("a CRL that has not expired", lasts, changed(seriesGo, "return l.NextUpdate().IsZero() || d.window.after(d.at, l.NextUpdate())", "return false")),
	revocation("what an answer revokes", changed(answersGo, "			if !d.removed(r, all) {\n				revoked = append(revoked, r)\n			}", "			clear = append(clear, r)")),
	revocation("what an answer does not know", changed(answersGo, "			d.v.Errs = append(d.v.Errs, answerError(r, der.ErrResponder, \"it does not know the certificate\"))", "			clear = append(clear, r)")),
	revocation("an answer's signature", changed(answerGo, "if ca && r.algorithm.Verify(issuer.Cert.PublicKey, digest, r.signature) == nil {", "if ca {")),
	revocation("an answer about the CA's certificates", changed(issuerGo, "		bytes.Equal(id.name, i.names[id.hash]) &&\n		bytes.Equal(id.key, i.keys[id.hash]) &&\n", "")),
	revocation("an answer about the serial number", changed(issuerGo, "		bytes.Equal(id.serial, serial)", "		(true || bytes.Equal(id.serial, serial))")),
	revocation("a responder for OCSP signing", never(answerGo, "if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {")),
	revocation("a responder of the CA", never(answerGo, "if !bytes.Equal(cert.RawIssuer, issuer.Cert.RawSubject) || cert.CheckSignatureFrom(issuer.Cert) != nil {")),
	revocation("a responder that is not revoked itself", changed(answerGo, "	a.NoCheck = responder == nil || hasNoCheck(responder)", "	a.NoCheck = true")),
	revocation("a responder that is valid", never(answersGo, "if c := good.Responder; c != nil && (d.v.Window.before(d.at, c.NotBefore) || d.v.Window.after(d.at, c.NotAfter)) {")),
	weighed("an answer that has begun", began, changed("revocation/internal/known/answersigner.go", "return !d.v.Window.before(d.at, r.ThisUpdate.Add(-ClockTolerance)) && !d.v.Window.before(d.at, r.ProducedAt.Add(-ClockTolerance))", "return true")),
	weighed("an answer that has not expired", lasts, never(answersGo, "if end := expires(r, maxAge); d.v.Window.after(at, end) {")),
	{rule: "revocation: of two answers that differ the one that revokes", tests: "tlsconfig", behind: "revocation: no two answers that differ", front: twice,
		out: changed(answerGo, "if found == nil || s.status == Revoked && found.status != Revoked {", "if found == nil {")},
	revocation("no unknown critical extension of an answer", changed("revocation/internal/ocsp/field.go", "if known(oid, value) || !critical {", "if known(oid, value) || true {")),
}
