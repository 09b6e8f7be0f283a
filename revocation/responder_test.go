// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// TestOCSPResponse puts good and bad responses side by side, each stapled.
func TestOCSPResponse(t *testing.T) {
	type message = revocationtest.OCSPResponse
	type edit = func(*message)
	p := issueOCSPPKI(rsaKey)
	otherRoot := ocspIssue(t, ocspCA("Other Root"), testca.RSA("other"), nil)
	sibling := ocspIssue(t, ocspCA("Sibling"), testca.RSA("other"), p.root)
	renamed := ocspIssue(t, ocspCA("Renamed"), testca.RSA("ca"), p.root)     // the CA's key, another name
	rolledOver := ocspIssue(t, ocspCA("SubCA"), testca.RSA("other"), p.root) // the CA's name, another key
	critical := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	harmless := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}}}
	archiveCutoff := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}, Value: []byte("\x18\x0f20200101000000Z")}}

	// A responder's certificate that differs from the good one in one point.
	responder := func(edit func(*x509.Certificate), parent *ocspParty, key string) *ocspParty {
		template := ocspResponderTemplate()
		if edit != nil {
			edit(template)
		}
		return ocspIssue(t, template, testca.RSA(key), parent)
	}
	by := func(r *ocspParty) edit { return func(m *message) { r.by(m) } }
	other := func(a revocationtest.SingleResponse) revocationtest.SingleResponse {
		a.Serial = big.NewInt(0xabcdee)
		return a
	}
	after := func(a revocationtest.SingleResponse, d time.Duration) revocationtest.SingleResponse {
		a.ThisUpdate, a.NextUpdate = ocspNow.Add(d), ocspNow.Add(d+time.Hour)
		return a
	}

	tests := []struct {
		name   string
		edit   edit
		status revocation.Status
		kind   error // nil: no error
	}{
		{"good, signed by the CA, by name", func(m *message) {}, revocation.Good, nil},
		{"good, signed by the CA, by key", func(m *message) { m.ByKey = true }, revocation.Good, nil},
		{"good, signed by the CA, with its certificate", func(m *message) { m.Certificates = []*x509.Certificate{p.ca.cert} }, revocation.Good, nil},
		{"revoked", func(m *message) { m.Answers[0].Status = ocsp.Revoked }, revocation.Revoked, nil},
		{"revoked, with a reason", func(m *message) { m.Answers[0].Status, m.Answers[0].Reason = ocsp.Revoked, 1 }, revocation.Revoked, nil},
		{"revoked, with a reason that no RFC defines", func(m *message) { m.Answers[0].Status, m.Answers[0].Reason = ocsp.Revoked, 99 }, revocation.Revoked, nil},
		{"revoked, removeFromCRL", func(m *message) { m.Answers[0].Status, m.Answers[0].Reason = ocsp.Revoked, 8 }, revocation.Revoked, nil},
		{"unknown", func(m *message) { m.Answers[0].Status = ocsp.Unknown }, 0, revocation.ErrResponder},

		// The signature.
		{"signed with SHA-384", func(m *message) { m.SignatureAlgorithm = x509.SHA384WithRSA }, revocation.Good, nil},
		{"signed with SHA-512", func(m *message) { m.SignatureAlgorithm = x509.SHA512WithRSA }, revocation.Good, nil},
		{"signed with SHA-1", func(m *message) { m.SignatureAlgorithm = x509.SHA1WithRSA }, 0, revocation.ErrSignature},
		{"signature changed", func(m *message) { m.BrokenSignature = true }, 0, revocation.ErrSignature},
		{"signed by another key in the CA's name", func(m *message) { m.Key = rolledOver.key }, 0, revocation.ErrSignature},
		{"signed by another CA, in the CA's name", func(m *message) { m.Key, m.Certificates = sibling.key, []*x509.Certificate{sibling.cert} }, 0, revocation.ErrSignature},
		{"signed by the CA in another's name", func(m *message) {
			m.Responder, m.Certificates = p.responder.cert, []*x509.Certificate{}
		}, 0, revocation.ErrSignature},
		{"signed by the CA in another's name, by key", func(m *message) {
			m.Responder, m.ByKey, m.Certificates = p.responder.cert, true, []*x509.Certificate{}
		}, 0, revocation.ErrSignature},
		{"signed by a responder without its certificate", func(m *message) {
			by(p.responder)(m)
			m.Certificates = []*x509.Certificate{}
		}, 0, revocation.ErrSignature},

		// The delegated responder.
		{"delegated, by name", by(p.responder), revocation.Good, nil},
		{"delegated, by key", func(m *message) { by(p.responder)(m); m.ByKey = true }, revocation.Good, nil},
		{"delegated, revoked", func(m *message) { by(p.responder)(m); m.Answers[0].Status = ocsp.Revoked }, revocation.Revoked, nil},
		{"delegated, the certificate after the CA's", func(m *message) {
			by(p.responder)(m)
			m.Certificates = []*x509.Certificate{p.ca.cert, p.root.cert, p.responder.cert}
		}, revocation.Good, nil},
		{"delegated, ECDSA", func(m *message) {
			by(ocspIssue(t, ocspResponderTemplate(), testca.ECDSA(), p.ca))(m)
		}, revocation.Good, nil},
		{"delegated, without a key usage", by(responder(func(c *x509.Certificate) { c.KeyUsage = 0 }, p.ca, "responder")), revocation.Good, nil},
		{"delegated, nocheck critical", by(responder(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: noCheck.Id, Critical: true, Value: noCheck.Value}}
		}, p.ca, "responder")), revocation.Good, nil},
		{"delegated, named by the certificate of another", func(m *message) {
			by(p.responder)(m)
			m.Responder, m.Certificates = p.leaf.cert, []*x509.Certificate{p.responder.cert}
		}, 0, revocation.ErrSignature},
		{"delegated, named by the key of another", func(m *message) {
			by(p.responder)(m)
			m.Responder, m.ByKey, m.Certificates = p.leaf.cert, true, []*x509.Certificate{p.responder.cert}
		}, 0, revocation.ErrSignature},
		{"delegated, signed by another key", func(m *message) {
			by(p.responder)(m)
			m.Key = testca.RSA("other")
		}, 0, revocation.ErrSignature},
		{"delegated without the purpose", by(responder(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		}, p.ca, "responder")), 0, revocation.ErrResponder},
		{"delegated with any purpose", by(responder(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}, p.ca, "responder")), 0, revocation.ErrResponder},
		{"delegated without any key usage extension", by(responder(func(c *x509.Certificate) { c.ExtKeyUsage = nil }, p.ca, "responder")), 0, revocation.ErrResponder},
		{"delegated, key not for signatures", by(responder(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, p.ca, "responder")), 0, revocation.ErrResponder},
		{"delegated to the CA's own key in another name", by(responder(nil, p.ca, "ca")), 0, revocation.ErrSignature},
		{"signed by the certificate that it is about", by(p.leaf), 0, revocation.ErrResponder},
		{"delegated by the sibling CA", by(responder(nil, sibling, "responder")), 0, revocation.ErrResponder},
		{"delegated by the root", by(responder(nil, p.root, "responder")), 0, revocation.ErrResponder},
		{"delegated by the CA's name with another key", by(responder(nil, rolledOver, "responder")), 0, revocation.ErrResponder},
		{"delegated by the CA's key with another name", by(responder(nil, renamed, "responder")), 0, revocation.ErrResponder},
		{"delegated by another root", by(responder(nil, otherRoot, "responder")), 0, revocation.ErrResponder},
		{"delegated over a further CA", func(m *message) {
			between := ocspIssue(t, ocspCA("Between"), testca.RSA("between"), p.ca)
			by(responder(nil, between, "responder"))(m)
			m.Certificates = []*x509.Certificate{m.Responder, between.cert}
		}, 0, revocation.ErrResponder},
		{"delegated by a certificate signed with SHA-1", by(responder(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }, p.ca, "responder")), 0, revocation.ErrResponder},
		{"delegated with an unknown critical extension", by(responder(func(c *x509.Certificate) {
			c.ExtraExtensions = append(slices.Clone(critical), noCheck)
		}, p.ca, "responder")), 0, revocation.ErrUnhandledCritical},
		{"responder's certificate expired", by(responder(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = ocspNow.AddDate(-1, 0, 0), ocspNow.Add(-time.Second)
		}, p.ca, "responder")), 0, revocation.ErrResponder},
		{"responder's certificate until now", by(responder(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = ocspNow.AddDate(-1, 0, 0), ocspNow
		}, p.ca, "responder")), revocation.Good, nil},
		{"responder's certificate not yet valid", by(responder(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = ocspNow.Add(time.Second), ocspNow.AddDate(1, 0, 0)
		}, p.ca, "responder")), 0, revocation.ErrResponder},
		{"responder's own status in doubt", by(responder(func(c *x509.Certificate) { c.ExtraExtensions = nil }, p.ca, "responder")), 0, revocation.ErrResponder},
		{"nocheck that is not NULL", by(responder(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: noCheck.Id, Value: []byte{1, 1, 0}}}
		}, p.ca, "responder")), 0, revocation.ErrResponder},
		{"too many certificates", func(m *message) {
			by(p.responder)(m)
			m.Certificates = slices.Repeat([]*x509.Certificate{m.Responder}, 9)
		}, 0, revocation.ErrMalformed},
		{"as many certificates as are read", func(m *message) {
			by(p.responder)(m)
			m.Certificates = slices.Repeat([]*x509.Certificate{m.Responder}, 8)
		}, revocation.Good, nil},
		{"a certificate that is none", func(m *message) {
			by(p.responder)(m)
			m.Certificates = []*x509.Certificate{{Raw: []byte{0x30, 0}}, p.responder.cert}
		}, 0, revocation.ErrMalformed},

		// The CertID.
		{"CertID by SHA-256", func(m *message) { m.Answers[0].Hash = crypto.SHA256 }, revocation.Good, nil},
		{"CertID by SHA-384", func(m *message) { m.Answers[0].Hash = crypto.SHA384 }, revocation.Good, nil},
		{"CertID by SHA-512", func(m *message) { m.Answers[0].Hash = crypto.SHA512 }, revocation.Good, nil},
		{"CertID by another hash", func(m *message) {
			m.Edit = func(tbs []byte) []byte {
				return bytes.Replace(tbs, []byte{0x2b, 0x0e, 0x03, 0x02, 0x1a}, []byte{0x2b, 0x0e, 0x03, 0x02, 0x1b}, 1)
			}
		}, 0, revocation.ErrScope},
		{"another serial", func(m *message) { m.Answers[0] = other(m.Answers[0]) }, 0, revocation.ErrScope},
		{"the serial at another issuer", func(m *message) { m.Answers[0].Issuer = sibling.cert }, 0, revocation.ErrScope},
		{"the serial at an issuer of another name, with the CA's key", func(m *message) {
			m.Answers[0].NameHash = bytes.Repeat([]byte{1}, 20)
		}, 0, revocation.ErrScope},
		{"the serial at an issuer of the CA's name, with another key", func(m *message) { m.Answers[0].Issuer = rolledOver.cert }, 0, revocation.ErrScope},

		// Several answers.
		{"no answer", func(m *message) { m.Answers = nil }, 0, revocation.ErrMalformed},
		{"the answer after that for another", func(m *message) {
			m.Answers = []revocationtest.SingleResponse{other(p.answer(ocsp.Revoked)), p.answer(ocsp.Good)}
		}, revocation.Good, nil},
		{"revoked after another that is good", func(m *message) {
			m.Answers = []revocationtest.SingleResponse{other(p.answer(ocsp.Good)), p.answer(ocsp.Revoked)}
		}, revocation.Revoked, nil},
		{"revoked at another issuer, good here", func(m *message) {
			a := p.answer(ocsp.Revoked)
			a.Issuer = sibling.cert
			m.Answers = []revocationtest.SingleResponse{a, p.answer(ocsp.Good)}
		}, revocation.Good, nil},
		{"good at another issuer, revoked here", func(m *message) {
			a := p.answer(ocsp.Good)
			a.Issuer = sibling.cert
			m.Answers = []revocationtest.SingleResponse{a, p.answer(ocsp.Revoked)}
		}, revocation.Revoked, nil},
		{"good, then revoked", func(m *message) { m.Answers = append(m.Answers, p.answer(ocsp.Revoked)) }, revocation.Revoked, nil},
		{"revoked, then good", func(m *message) {
			m.Answers = []revocationtest.SingleResponse{p.answer(ocsp.Revoked), p.answer(ocsp.Good)}
		}, revocation.Revoked, nil},
		{"good, then revoked by another hash", func(m *message) {
			a := p.answer(ocsp.Revoked)
			a.Hash = crypto.SHA256
			m.Answers = append(m.Answers, a)
		}, revocation.Revoked, nil},
		{"good twice", func(m *message) { m.Answers = append(m.Answers, p.answer(ocsp.Good)) }, 0, revocation.ErrMalformed},
		{"good, then unknown", func(m *message) { m.Answers = append(m.Answers, p.answer(ocsp.Unknown)) }, 0, revocation.ErrMalformed},

		// The times.
		{"thisUpdate five minutes ahead", func(m *message) { m.Answers[0] = after(m.Answers[0], 5*time.Minute) }, revocation.Good, nil},
		{"thisUpdate further ahead", func(m *message) { m.Answers[0] = after(m.Answers[0], 5*time.Minute+time.Second) }, 0, revocation.ErrNotYetValid},
		{"revoked, thisUpdate further ahead", func(m *message) {
			m.Answers[0] = after(p.answer(ocsp.Revoked), 5*time.Minute+time.Second)
		}, revocation.Revoked, nil},
		{"producedAt five minutes ahead", func(m *message) { m.ProducedAt = ocspNow.Add(5 * time.Minute) }, revocation.Good, nil},
		{"producedAt further ahead", func(m *message) { m.ProducedAt = ocspNow.Add(5*time.Minute + time.Second) }, 0, revocation.ErrNotYetValid},
		{"nextUpdate now", func(m *message) { m.Answers[0].NextUpdate = ocspNow }, revocation.Good, nil},
		{"nextUpdate a second ago", func(m *message) { m.Answers[0].NextUpdate = ocspNow.Add(-time.Second) }, revocation.Good, revocation.ErrExpired},
		{"revoked, nextUpdate a second ago", func(m *message) {
			m.Answers[0].Status, m.Answers[0].NextUpdate = ocsp.Revoked, ocspNow.Add(-time.Second)
		}, revocation.Revoked, nil},
		{"no nextUpdate, an hour old", func(m *message) { m.Answers[0].NoNextUpdate = true }, revocation.Good, nil},
		{"no nextUpdate, more than an hour old", func(m *message) {
			m.Answers[0].ThisUpdate, m.Answers[0].NoNextUpdate = ocspNow.Add(-time.Hour-time.Second), true
		}, revocation.Good, revocation.ErrExpired},
		{"nextUpdate before thisUpdate", func(m *message) {
			m.Answers[0].ThisUpdate, m.Answers[0].NextUpdate = ocspNow.Add(2*time.Minute), ocspNow.Add(time.Minute)
		}, 0, revocation.ErrMalformed},

		// The extensions.
		{"extension of the response", func(m *message) { m.Extensions = harmless }, revocation.Good, nil},
		{"critical extension of the response", func(m *message) { m.Extensions = critical }, 0, revocation.ErrUnhandledCritical},
		{"extension of the answer", func(m *message) { m.Answers[0].Extensions = archiveCutoff }, revocation.Good, nil},
		{"critical extension of the answer", func(m *message) { m.Answers[0].Extensions = critical }, 0, revocation.ErrUnhandledCritical},
		{"critical extension of the answer about another", func(m *message) {
			a := other(p.answer(ocsp.Good))
			a.Extensions = critical
			m.Answers = append(m.Answers, a)
		}, 0, revocation.ErrUnhandledCritical},
		{"an extension twice", func(m *message) { m.Extensions = append(harmless, harmless...) }, 0, revocation.ErrMalformed},
		{"a nonce that was not asked for", func(m *message) {
			m.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: []byte{4, 1, 7}}}
		}, revocation.Good, nil},

		{"longer than the limit", func(m *message) {
			m.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: make([]byte, 64<<10)}}
		}, 0, revocation.ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := p.good()
			test.edit(m)
			a, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: m.DER()})
			require.Equal(t, test.status, a.Status)
			if test.kind == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.kind)
				var ocspErr *revocation.OCSPError
				require.ErrorAs(t, err, &ocspErr)
				require.Equal(t, "stapled", ocspErr.Source)
			}
			if test.status == revocation.Revoked {
				require.Equal(t, p.leaf.cert, a.Revocation.Cert)
				require.Equal(t, p.leaf.cert.SerialNumber, a.Revocation.Serial)
				require.Equal(t, ocspNow.AddDate(0, 0, -7), a.Revocation.Time)
				require.Equal(t, "stapled", a.Revocation.Source)
				i := slices.IndexFunc(m.Answers, func(a revocationtest.SingleResponse) bool { return a.Status == ocsp.Revoked })
				require.Equal(t, m.Answers[i].Reason, a.Revocation.Reason)
			}
		})
	}
}

// TestOCSPErrorStatus: a responder's refusal is not an answer.
func TestOCSPErrorStatus(t *testing.T) {
	p := newOCSPPKI(t)
	for _, test := range []struct {
		der  []byte
		says string
		kind error
	}{
		{[]byte{0x30, 3, 0x0a, 1, 1}, "malformed", revocation.ErrResponder},
		{[]byte{0x30, 3, 0x0a, 1, 2}, "internalError", revocation.ErrResponder},
		{[]byte{0x30, 3, 0x0a, 1, 3}, "tryLater", revocation.ErrResponder},
		{[]byte{0x30, 3, 0x0a, 1, 5}, "sigRequired", revocation.ErrResponder},
		{[]byte{0x30, 3, 0x0a, 1, 6}, "unauthorized", revocation.ErrResponder},
		{[]byte{0x30, 3, 0x0a, 1, 99}, "99", revocation.ErrResponder},
		{[]byte{0x30, 3, 0x0a, 1, 0}, "responseBytes", revocation.ErrMalformed},
		{[]byte{0x30, 4, 0x0a, 1, 6, 0}, "", revocation.ErrMalformed},
	} {
		a, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: test.der})
		require.ErrorIs(t, err, test.kind)
		require.ErrorContains(t, err, test.says)
		require.Zero(t, a)
	}
}

// statusFunc is a Source made of a function.
type statusFunc func(ctx context.Context, q revocation.Query) (revocation.Answer, error)

func (f statusFunc) Status(ctx context.Context, q revocation.Query) (revocation.Answer, error) {
	return f(ctx, q)
}

// TestOCSPResponderStatus: a responder without id-pkix-ocsp-nocheck is asked
// about, and nothing but a current good answer lets it pass.
func TestOCSPResponderStatus(t *testing.T) {
	p := newOCSPPKI(t)
	template := ocspResponderTemplate()
	template.ExtraExtensions = nil
	responder := ocspIssue(t, template, testca.EC("responder"), p.ca)
	m := responder.by(p.good())
	good := revocation.Answer{Status: revocation.Good, ThisUpdate: ocspNow.Add(-time.Hour), NextUpdate: ocspNow.Add(time.Hour)}
	expired := good
	expired.NextUpdate = ocspNow.Add(-time.Second)

	for _, test := range []struct {
		name   string
		answer revocation.Answer
		err    error
		says   string // empty: the responder passes
	}{
		{"good", good, nil, ""},
		{"unknown", revocation.Answer{}, errors.New("no idea"), "no idea"},
		{"neither answer nor error", revocation.Answer{}, nil, "neither"},
		{"expired", expired, nil, "expired"},
		{"expired, as its source says", good, revocation.ErrExpired, "expired"},
		{"revoked", revocation.Answer{Status: revocation.Revoked}, nil, "was revoked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked []revocation.Query
			s := &revocation.OCSP{ResponderStatus: statusFunc(func(_ context.Context, q revocation.Query) (revocation.Answer, error) {
				asked = append(asked, q)
				return test.answer, test.err
			})}
			a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: m.DER()})
			require.Equal(t, []revocation.Query{{Path: []*x509.Certificate{responder.cert, p.ca.cert, p.root.cert}, At: ocspNow}}, asked)
			requireResponder(t, a, err, test.says)
		})
	}

	t.Run("a responder that answers about itself", func(t *testing.T) {
		about := p.answer(ocsp.Good)
		about.Serial = responder.cert.SerialNumber
		self := responder.by(p.good())
		self.Answers = []revocationtest.SingleResponse{about}
		s := &revocation.OCSP{}
		s.ResponderStatus = s
		require.NoError(t, s.Add(self.DER()))
		a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: m.DER()})
		require.ErrorIs(t, err, revocation.ErrResponder)
		require.ErrorContains(t, err, "it answers for a responder")
		require.Zero(t, a)
	})
	t.Run("a responder that the CA answers good about by OCSP", func(t *testing.T) {
		about := p.answer(ocsp.Good)
		about.Serial = responder.cert.SerialNumber
		byCA := p.good()
		byCA.Answers = []revocationtest.SingleResponse{about}
		s := &revocation.OCSP{}
		s.ResponderStatus = s
		require.NoError(t, s.Add(byCA.DER()))
		a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: m.DER()})
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
	})
}
