// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"crypto/x509"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// A Trust says who may speak by OCSP.
type Trust struct {
	// Responder says of the certificate of a delegated responder of the CA path[1]
	// whether its answers may clear (nil), and if not, whether its key is known not to
	// be trusted. ask is false if only what is known of it counts, as where the
	// certificate waives that it is asked about.
	Responder func(path []*x509.Certificate, cert *x509.Certificate, ask bool) (err error, tainted bool)

	// CA says whether the key of the CA path[1] is known not to be trusted; nil:
	// nothing is known of any.
	CA func(path []*x509.Certificate) *KeyStatus
}

// An answerDecision is the decision about one certificate under way.
type answerDecision struct {
	set   *Answers
	path  []*x509.Certificate
	at    time.Time
	v     *AnswerVerdict
	judge *judges // of those who answer about what path[1] has issued
}

func (d *answerDecision) under(key string) []*Reply {
	return d.set.buckets.read(key, &d.v.Dependencies)
}

// begun reports whether an answer counts already.
func (d *answerDecision) begun(r *Reply) bool {
	return !d.v.Window.before(d.at, r.ThisUpdate.Add(-ClockTolerance)) && !d.v.Window.before(d.at, r.ProducedAt.Add(-ClockTolerance))
}

// A judges says who may clear, of those who answer about the certificates of one CA,
// path[1].
type judges struct {
	decision *answerDecision
	trust    Trust
	judged   map[*x509.Certificate]judgement // by the responder's certificate; nil: the CA itself
	asking   []*x509.Certificate             // about whom it is being found out
	above    *judges                         // of those who answer about the CA
}

// A judgement is on who signed an answer.
type judgement struct {
	err     error // why it may not clear
	tainted bool  // its key is known not to be trusted
}

func newAnswerDecision(set *Answers, path []*x509.Certificate, at time.Time, trust Trust, v *AnswerVerdict) *answerDecision {
	d := &answerDecision{set: set, path: path, at: at, v: v}
	d.judge = &judges{decision: d, trust: trust, judged: map[*x509.Certificate]judgement{}}
	return d
}

// of judges who signed an answer.
func (j *judges) of(r *Reply) judgement {
	judged, known := j.judged[r.Responder]
	if known || slices.Contains(j.asking, r.Responder) { // trusted while it is being found out
		return judged
	}
	j.asking = append(j.asking, r.Responder)
	if r.Responder == nil {
		judged = j.ca(r.Key)
	} else {
		judged = j.responder(r)
	}
	j.asking = j.asking[:len(j.asking)-1]
	if judged.tainted { // what was found out meanwhile may depend on what this key has removed
		maps.DeleteFunc(j.judged, func(_ *x509.Certificate, other judgement) bool { return !other.tainted })
	}
	j.judged[r.Responder] = judged
	return judged
}

// responder judges a delegated responder: by its certificate, and by whether another
// certificate of its key says that the key is not to be trusted.
func (j *judges) responder(r *Reply) judgement {
	judged := j.certificate(r.Key, r.Responder, !r.NoCheck)
	for _, other := range j.decision.set.certificatesOf(r.Key, &j.decision.v.Dependencies) {
		if judged.tainted {
			break
		}
		if other == r.Responder || !bytes.Equal(other.RawIssuer, j.decision.path[1].RawSubject) {
			continue
		}
		if about := j.certificate(r.Key, other, false); about.tainted {
			judged = about
		}
	}
	return judged
}

// certificate judges by one certificate of a delegated responder: by what the set says
// of it, where the CA may have answered, and by what is asked about responders.
func (j *judges) certificate(key Key, cert *x509.Certificate, ask bool) judgement {
	if about := j.decision.revokedSigner(key, cert.SerialNumber, func(der.Reason) bool { return true }); about.err != nil {
		return about
	}
	err, tainted := j.trust.Responder(j.decision.path, cert, ask)
	return judgement{err, tainted}
}

// ca asks whether the key of the CA is known not to be trusted, by what the CA above it
// has answered or by a CRL. Revoked for another reason, the certificate of the path is a
// matter of Policy.Depth, and another one of the key says nothing about it.
func (j *judges) ca(key Key) judgement {
	d := j.decision
	if len(d.path) > 2 {
		if j.above == nil {
			j.above = newAnswerDecision(d.set, d.path[1:], d.at, j.trust, d.v).judge
		}
		if about := j.above.decision.revokedSigner(key, d.path[1].SerialNumber, Distrusts); about.err != nil {
			return about
		}
	}
	if j.trust.CA == nil {
		return judgement{}
	}
	status := j.trust.CA(d.path)
	d.v.Dependencies.addAll(&status.Dependencies)
	d.v.Window.narrow(status.Window.from, status.Window.until)
	if status.Tainted {
		return judgement{&der.Error{Kind: der.ErrResponder, Detail: "the key of the CA is revoked"}, true}
	}
	return judgement{}
}

// revokedSigner looks for an answer, signed with another key than the one in question,
// that revokes a certificate of it, which path[1] has issued, for one of some reasons.
func (d *answerDecision) revokedSigner(key Key, serial *big.Int, reason func(der.Reason) bool) (j judgement) {
	all := d.under(answerKey(d.path[1], serial))
	for _, about := range all {
		if about.Status == ocsp.Revoked && about.Key != key && reason(about.Reason) && !d.removed(about, all) {
			j.err = &der.Error{Kind: der.ErrResponder, Detail: "its own certificate: revoked (" + about.Reason.String() + ") according to " + about.Source}
			j.tainted = j.tainted || Distrusts(about.Reason)
		}
	}
	return j
}

// removed reports whether a later answer of the same responder removes a revocation: a
// good one, or one that revokes in its place. A key that is not to be trusted removes
// nothing, not even what it has said itself.
func (d *answerDecision) removed(revoked *Reply, all []*Reply) bool {
	return slices.ContainsFunc(all, func(r *Reply) bool {
		return r.Status != ocsp.Unknown && r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate) && d.begun(r) && r.removes()
	}) && !d.judge.of(revoked).tainted
}
