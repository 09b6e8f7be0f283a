// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A listCase is what is known about the revocation of an ordinary, good leaf.
type listCase struct {
	name    string
	refused bool
	// lists returns the lists beside the root's, which is good unless arl is set.
	lists func(leaf *x509.Certificate) [][]byte
	arl   func() []byte
	// staple returns the OCSP response that comes with the leaf.
	staple func(leaf *x509.Certificate) []byte
	leaf   []leafOption
	at     time.Time
}

func (g *generator) revocation() {
	s := g.newSpine()
	for _, kind := range []struct {
		clause string
		cases  []listCase
	}{
		{clauseCRL, append(currentLists(s), brokenLists(s)...)}, {clauseCRL, listsOverTime(s)}, {clauseOCSP, responses(g, s)},
	} {
		g.addLists(s, kind.clause, kind.cases)
	}
}

// addLists adds cases of lists and responses.
func (g *generator) addLists(s *spine, clause string, cases []listCase) {
	for _, c := range cases {
		leaf := g.newLeaf(s, c.leaf...)
		path := "certificates/revocation/" + slug(c.name)
		certificate := &testdata.Certificate{
			Chain: g.pem(path+".pem", leaf.Raw, s.subCA.cert.Raw), Key: g.keyFile(leaf.PublicKey), Usage: "client", FQDNs: []string{fqdn}, At: c.at,
			Roots: g.pins("roots", []ca{s.root}), SubCAs: g.pins("subcas", []ca{s.subCA}),
		}
		if c.at.IsZero() {
			certificate.At = now
		}
		if c.arl == nil {
			c.arl = func() []byte { return authorityList(s, revocationtest.CRL{}) }
		}
		all := [][]byte{c.arl()}
		if c.lists != nil {
			all = append(all, c.lists(leaf)...)
		}
		for i, der := range all {
			if der != nil {
				certificate.CRLs = append(certificate.CRLs, g.file(path+"-"+string(rune('0'+i))+".crl", der))
			}
		}
		if c.staple != nil {
			certificate.OCSP = g.file(path+".ocsp", c.staple(leaf))
		}
		verdict, rule := testdata.Accept, ""
		if c.refused {
			verdict, rule = testdata.Refuse, "revocation"
		}
		g.add(testdata.Case{Name: "revocation: " + c.name, Clause: clause, Verdict: verdict, Rule: rule, Certificate: certificate})
	}
}

// partition is the scope of the leaves' list, authority that of the SubCAs'.
func partition(urls ...string) *revocationtest.Scope {
	return &revocationtest.Scope{PointName: revocationtest.PointName{URLs: urls}, OnlyUserCerts: true}
}

func authorityList(s *spine, l revocationtest.CRL) []byte {
	l.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{arlURL}}, OnlyCACerts: true}
	return list(s.root, l)
}

// on returns entries that revoke certificates for a reason.
func on(reason revocation.Reason, certs ...*x509.Certificate) (entries []revocationtest.Entry) {
	for _, cert := range certs {
		entries = append(entries, revocationtest.Entry{Serial: cert.SerialNumber, Reason: reason})
	}
	return entries
}

// one returns a function that gives one list of the SubCA, about the leaf's
// partition unless the list has a scope of its own.
func one(s *spine, describe func(leaf *x509.Certificate) revocationtest.CRL) func(*x509.Certificate) [][]byte {
	return func(leaf *x509.Certificate) [][]byte {
		l := describe(leaf)
		if l.Scope == nil {
			l.Scope = partition(crlURL)
		}
		return [][]byte{list(s.subCA, l)}
	}
}

func still(l revocationtest.CRL) func(*x509.Certificate) revocationtest.CRL {
	return func(*x509.Certificate) revocationtest.CRL { return l }
}

// currentLists are what lists say while nothing is wrong with them.
func currentLists(s *spine) []listCase {
	cases := []listCase{
		{name: "a current list of the partition, empty", lists: one(s, still(revocationtest.CRL{}))},
		{name: "a current list that revokes another serial number", lists: one(s, func(leaf *x509.Certificate) revocationtest.CRL {
			return revocationtest.CRL{Entries: []revocationtest.Entry{{Serial: new(big.Int).Add(leaf.SerialNumber, big.NewInt(1))}}}
		})},
		{name: "the partition's URL in capitals of the host", lists: one(s, still(revocationtest.CRL{Scope: partition("http://CRL.Corpus.INVALID/1c/crlc7.crl")}))},
		{name: "the partition's URL with the default port", lists: one(s, still(revocationtest.CRL{Scope: partition("http://crl.corpus.invalid:80/1c/crlc7.crl")}))},
		{name: "the partition is one of two names of the list", lists: one(s, still(revocationtest.CRL{Scope: partition("http://elsewhere.invalid/x.crl", crlURL)}))},
		{name: "a thisUpdate four minutes ahead", lists: one(s, still(revocationtest.CRL{ThisUpdate: now.Add(4 * time.Minute)}))},
		{name: "at the last second of nextUpdate", lists: one(s, still(revocationtest.CRL{ThisUpdate: now.Add(-time.Hour), NextUpdate: now}))},
		{name: "a list without a scope and without entries", lists: func(*x509.Certificate) [][]byte { return [][]byte{list(s.subCA, revocationtest.CRL{})} }},
		{name: "the SubCA is revoked", refused: true, lists: one(s, still(revocationtest.CRL{})), arl: func() []byte {
			return authorityList(s, revocationtest.CRL{Entries: on(revocation.ReasonCACompromise, s.subCA.cert)})
		}},
		{name: "the SubCA is on hold", refused: true, lists: one(s, still(revocationtest.CRL{})), arl: func() []byte {
			return authorityList(s, revocationtest.CRL{Entries: on(revocation.ReasonCertificateHold, s.subCA.cert)})
		}},
		{name: "listed twice", refused: true, lists: one(s, func(leaf *x509.Certificate) revocationtest.CRL {
			return revocationtest.CRL{Entries: append(on(revocation.ReasonCertificateHold, leaf), on(revocation.ReasonKeyCompromise, leaf)...)}
		})},
		{name: "revoked in the future", refused: true, lists: one(s, func(leaf *x509.Certificate) revocationtest.CRL {
			return revocationtest.CRL{Entries: []revocationtest.Entry{{Serial: leaf.SerialNumber, Date: now.AddDate(1, 0, 0)}}}
		})},
		{name: "listed among a thousand", refused: true, lists: one(s, func(leaf *x509.Certificate) revocationtest.CRL {
			var entries []revocationtest.Entry
			for n := range int64(1000) {
				entries = append(entries, revocationtest.Entry{Serial: big.NewInt(n + 1)})
			}
			return revocationtest.CRL{Entries: append(entries, on(0, leaf)...)}
		})},
	}
	for _, reason := range []revocation.Reason{
		revocation.ReasonUnspecified, revocation.ReasonKeyCompromise, revocation.ReasonCACompromise, revocation.ReasonAffiliationChanged, revocation.ReasonSuperseded,
		revocation.ReasonCessationOfOperation, revocation.ReasonCertificateHold, revocation.ReasonPrivilegeWithdrawn, revocation.ReasonAACompromise,
	} {
		cases = append(cases, listCase{name: "revoked for the reason " + reason.String(), refused: true, lists: one(s, func(leaf *x509.Certificate) revocationtest.CRL {
			return revocationtest.CRL{Entries: on(reason, leaf)}
		})})
	}
	return cases
}

// brokenLists are lists that prove nothing.
func brokenLists(s *spine) []listCase {
	proves := func(name string, l revocationtest.CRL) listCase {
		return listCase{name: name, refused: true, lists: one(s, still(l))}
	}
	scope := func(change func(*revocationtest.Scope)) *revocationtest.Scope {
		p := partition(crlURL)
		p.OnlyUserCerts = false
		change(p)
		return p
	}
	critical := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	return []listCase{
		{name: "no list at all", refused: true, arl: func() []byte { return nil }},
		{name: "no list of the leaf's partition", refused: true},
		{name: "no list of the SubCA's", refused: true, arl: func() []byte { return nil }, lists: one(s, still(revocationtest.CRL{}))},
		proves("the list expired a second ago", revocationtest.CRL{ThisUpdate: now.AddDate(0, 0, -7), NextUpdate: now.Add(-time.Second)}),
		proves("the list begins in six minutes", revocationtest.CRL{ThisUpdate: now.Add(6 * time.Minute)}),
		proves("the list of another partition", revocationtest.CRL{Scope: partition("http://crl.corpus.invalid/1c/crlc8.crl")}),
		proves("the same path at another host", revocationtest.CRL{Scope: partition("http://crl.elsewhere.invalid/1c/crlc7.crl")}),
		proves("https instead of http", revocationtest.CRL{Scope: partition("https://crl.corpus.invalid/1c/crlc7.crl")}),
		proves("another port", revocationtest.CRL{Scope: partition("http://crl.corpus.invalid:8080/1c/crlc7.crl")}),
		proves("the path in capitals", revocationtest.CRL{Scope: partition("http://crl.corpus.invalid/1C/CRLC7.crl")}),
		proves("a list for CA certificates alone", revocationtest.CRL{Scope: scope(func(p *revocationtest.Scope) { p.OnlyCACerts = true })}),
		proves("a list for attribute certificates alone", revocationtest.CRL{Scope: scope(func(p *revocationtest.Scope) { p.OnlyAttributeCerts = true })}),
		proves("a list for one reason alone", revocationtest.CRL{Scope: scope(func(p *revocationtest.Scope) {
			p.OnlySomeReasons = []revocation.Reason{revocation.ReasonKeyCompromise}
		})}),
		proves("one bit of the signature is wrong", revocationtest.CRL{BrokenSignature: true}),
		proves("the signature is empty", revocationtest.CRL{NoSignature: true}),
		proves("signed by the key of another SubCA", revocationtest.CRL{Key: s.sibling.key}),
		proves("signed by the root", revocationtest.CRL{Key: s.root.key}),
		proves("signed by the leaf's own key", revocationtest.CRL{Key: key("leaf", 2048)}),
		proves("no nextUpdate", revocationtest.CRL{NoNextUpdate: true}),
		proves("an unknown critical extension", revocationtest.CRL{Extensions: critical}),
		proves("an entry with an unknown critical extension", revocationtest.CRL{Entries: []revocationtest.Entry{{Serial: big.NewInt(1), Extensions: critical}}}),
		proves("signed with SHA-1", revocationtest.CRL{SignatureAlgorithm: x509.SHA1WithRSA}),
		proves("a delta list alone", revocationtest.CRL{Number: 12, BaseNumber: 11}),
		{name: "the list of the sibling SubCA", refused: true, lists: func(*x509.Certificate) [][]byte {
			return [][]byte{list(s.sibling, revocationtest.CRL{Scope: partition(crlURL)})}
		}},
		{name: "the list of another CA with the SubCA's name", refused: true, lists: func(*x509.Certificate) [][]byte {
			return [][]byte{list(s.sameNamedSubCA, revocationtest.CRL{Scope: partition(crlURL)})}
		}},
		{name: "a list with a partition for a leaf that names none", refused: true, lists: one(s, still(revocationtest.CRL{})),
			leaf: []leafOption{template(func(c *x509.Certificate) { c.CRLDistributionPoints = nil })}},
	}
}

// listsOverTime are several lists of one CA.
func listsOverTime(s *spine) []listCase {
	both := func(describe func(leaf *x509.Certificate) []revocationtest.CRL) func(*x509.Certificate) [][]byte {
		return func(leaf *x509.Certificate) (ders [][]byte) {
			for _, l := range describe(leaf) {
				l.Scope = partition(crlURL)
				ders = append(ders, list(s.subCA, l))
			}
			return ders
		}
	}
	hours := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	return []listCase{
		{name: "an older list revoked and the newer one does not", lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 10, ThisUpdate: hours(-20), Entries: on(revocation.ReasonKeyCompromise, leaf)}, {Number: 11, ThisUpdate: hours(-10)}}
		})},
		{name: "the newer of two lists revokes", refused: true, lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 11, ThisUpdate: hours(-10), Entries: on(revocation.ReasonKeyCompromise, leaf)}, {Number: 10, ThisUpdate: hours(-20)}}
		})},
		{name: "a list with a greater number and an earlier thisUpdate revokes", refused: true, lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 51, ThisUpdate: hours(-12), Entries: on(revocation.ReasonKeyCompromise, leaf)}, {Number: 50, ThisUpdate: hours(-11)}}
		})},
		{name: "a list that begins tomorrow revokes", refused: true, lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 10}, {Number: 11, ThisUpdate: hours(24), Entries: on(revocation.ReasonKeyCompromise, leaf)}}
		})},
		{name: "an expired list revokes and nothing newer is known", refused: true, lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{ThisUpdate: hours(-100), NextUpdate: hours(-50), Entries: on(revocation.ReasonKeyCompromise, leaf)}}
		})},
		{name: "the expired list that revoked is superseded", lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 1, ThisUpdate: hours(-100), NextUpdate: hours(-50), Entries: on(revocation.ReasonCertificateHold, leaf)}, {Number: 2}}
		})},
		{name: "a delta list revokes", refused: true, lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 10, ThisUpdate: hours(-20)}, {Number: 11, BaseNumber: 10, ThisUpdate: hours(-10), Entries: on(revocation.ReasonKeyCompromise, leaf)}}
		})},
		{name: "a delta list of a later base revokes", refused: true, lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 10, ThisUpdate: hours(-20)}, {Number: 13, BaseNumber: 12, ThisUpdate: hours(-10), Entries: on(revocation.ReasonKeyCompromise, leaf)}}
		})},
		{name: "a delta list releases what was on hold", lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 10, ThisUpdate: hours(-20), Entries: on(revocation.ReasonCertificateHold, leaf)},
				{Number: 11, BaseNumber: 10, ThisUpdate: hours(-10), Entries: on(revocation.ReasonRemoveFromCRL, leaf)}}
		})},
		{name: "a current delta list makes an expired one current", lists: both(func(*x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 10, ThisUpdate: hours(-100), NextUpdate: hours(-50)}, {Number: 11, BaseNumber: 10}}
		})},
		{name: "an expired delta list makes nothing current", refused: true, lists: both(func(*x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 10, ThisUpdate: hours(-100), NextUpdate: hours(-50)}, {Number: 11, BaseNumber: 10, ThisUpdate: hours(-90), NextUpdate: hours(-40)}}
		})},
		{name: "a delta list that is no update of the complete one", lists: both(func(leaf *x509.Certificate) []revocationtest.CRL {
			return []revocationtest.CRL{{Number: 12, ThisUpdate: hours(-10)}, {Number: 11, BaseNumber: 10, ThisUpdate: hours(-20), Entries: on(revocation.ReasonCertificateHold, leaf)}}
		})},
	}
}

// responses are the cases of OCSP responses that come stapled. The SubCA's own
// list is good; of the leaf there is none.
func responses(g *generator, s *spine) []listCase {
	answer := func(change func(*revocationtest.OCSPResponse, *revocationtest.SingleResponse)) func(*x509.Certificate) []byte {
		return func(leaf *x509.Certificate) []byte {
			response := revocationtest.OCSPResponse{Issuer: s.subCA.cert, Key: s.subCA.key, ProducedAt: now.Add(-time.Hour)}
			single := revocationtest.SingleResponse{Serial: leaf.SerialNumber}
			change(&response, &single)
			response.Answers = append([]revocationtest.SingleResponse{single}, response.Answers...)
			return response.DER()
		}
	}
	type response = revocationtest.OCSPResponse
	type single = revocationtest.SingleResponse
	responder := func(name string, issuer ca, nocheck bool, usages ...x509.ExtKeyUsage) (*x509.Certificate, crypto.Signer) {
		options := []leafOption{
			commonName("Corpus OCSP " + name), by(issuer), public(&key("responder", 2048).PublicKey), keyUsage(x509.KeyUsageDigitalSignature), extKeyUsage(usages...),
		}
		if nocheck {
			options = append(options, extension(false, []byte{5, 0}, 1, 3, 6, 1, 5, 5, 7, 48, 1, 5))
		}
		return g.newLeaf(s, options...), key("responder", 2048)
	}
	delegated := func(issuer ca, nocheck bool, usages ...x509.ExtKeyUsage) func(*x509.Certificate) []byte {
		return answer(func(r *response, _ *single) { r.Responder, r.Key = responder("responder", issuer, nocheck, usages...) })
	}
	signing := x509.ExtKeyUsageOCSPSigning
	ok := func(name string, staple func(*x509.Certificate) []byte) listCase {
		return listCase{name: name, staple: staple}
	}
	no := func(name string, staple func(*x509.Certificate) []byte) listCase {
		return listCase{name: name, refused: true, staple: staple}
	}
	return []listCase{
		ok("a current response of the CA, by name", answer(func(*response, *single) {})),
		ok("a current response of the CA, by key", answer(func(r *response, _ *single) { r.ByKey = true })),
		ok("a CertID with SHA-256", answer(func(_ *response, s *single) { s.Hash = crypto.SHA256 })),
		ok("a response of a delegated responder", delegated(s.subCA, true, signing)),
		ok("no nextUpdate, half an hour old", answer(func(r *response, s *single) { r.ProducedAt, s.NoNextUpdate = now.Add(-30*time.Minute), true })),
		ok("an answer about another certificate beside it", answer(func(r *response, _ *single) { r.Answers = []single{{Serial: big.NewInt(7), Status: ocsp.Revoked}} })),
		no("the response says revoked", answer(func(_ *response, s *single) { s.Status, s.Reason = ocsp.Revoked, revocation.ReasonKeyCompromise })),
		no("the response says revoked without a reason", answer(func(_ *response, s *single) { s.Status = ocsp.Revoked })),
		no("the response says on hold", answer(func(_ *response, s *single) { s.Status, s.Reason = ocsp.Revoked, revocation.ReasonCertificateHold })),
		no("the response says unknown", answer(func(_ *response, s *single) { s.Status = ocsp.Unknown })),
		no("the response has expired", answer(func(_ *response, s *single) {
			s.ThisUpdate, s.NextUpdate = now.Add(-48*time.Hour), now.Add(-time.Second)
		})),
		no("the response is of six minutes from now", answer(func(r *response, _ *single) { r.ProducedAt = now.Add(6 * time.Minute) })),
		no("no nextUpdate, two hours old", answer(func(r *response, s *single) { r.ProducedAt, s.NoNextUpdate = now.Add(-2*time.Hour), true })),
		no("about another serial number", answer(func(_ *response, s *single) { s.Serial = big.NewInt(7) })),
		no("about the serial number of another CA", answer(func(_ *response, single *single) { single.Issuer = s.sibling.cert })),
		no("one bit of the response's signature is wrong", answer(func(r *response, _ *single) { r.BrokenSignature = true })),
		no("the response is not signed", answer(func(r *response, _ *single) { r.NoSignature = true })),
		no("the response is signed by another CA's key", answer(func(r *response, _ *single) { r.Key = s.sibling.key })),
		no("the response is signed with SHA-1", answer(func(r *response, _ *single) { r.SignatureAlgorithm = x509.SHA1WithRSA })),
		no("the responder's certificate is not for OCSP signing", delegated(s.subCA, true, x509.ExtKeyUsageClientAuth)),
		no("the responder's certificate is for any purpose", delegated(s.subCA, true, x509.ExtKeyUsageAny)),
		no("the responder's certificate is another CA's", delegated(s.sibling, true, signing)),
		no("the responder's certificate is not said to need no check", delegated(s.subCA, false, signing)),
		no("the leaf's key signs for itself", answer(func(r *response, _ *single) { r.Key = key("leaf", 2048) })),
		no("the responder says tryLater", answer(func(r *response, _ *single) { r.Status = ocsp.TryLater })),
		no("an unknown critical extension of the response", answer(func(r *response, _ *single) {
			r.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		})),
		no("two answers about the certificate that disagree", answer(func(r *response, s *single) {
			r.Answers = []single{{Serial: s.Serial, Status: ocsp.Revoked}}
		})),
		{name: "a good response beside a list that revokes", refused: true, staple: answer(func(*response, *single) {}), lists: one(s, func(leaf *x509.Certificate) revocationtest.CRL {
			return revocationtest.CRL{Entries: on(revocation.ReasonKeyCompromise, leaf)}
		})},
	}
}
