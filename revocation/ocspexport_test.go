// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"time"
)

// An OCSPReading is what the reader makes of a response, for the fuzz target.
type OCSPReading struct {
	ByName, ByKey []byte
	ProducedAt    time.Time
	Answers       []OCSPReadAnswer
}

// An OCSPReadAnswer is what it makes of a SingleResponse.
type OCSPReadAnswer struct {
	Status                            int
	Serial                            []byte
	Reason                            Reason
	RevokedAt, ThisUpdate, NextUpdate time.Time
	KnownHash                         bool
}

// ReadOCSP reads a response.
func ReadOCSP(der []byte) (*OCSPReading, error) {
	r, err := readOCSP(der, "fuzz")
	if err != nil {
		return nil, err
	}
	reading := &OCSPReading{ByName: r.byName, ByKey: r.byKey, ProducedAt: r.producedAt}
	for _, s := range r.singles {
		reading.Answers = append(reading.Answers, OCSPReadAnswer{
			Status: s.status, Serial: s.id.serial, Reason: s.reason,
			RevokedAt: s.revokedAt, ThisUpdate: s.thisUpdate, NextUpdate: s.nextUpdate, KnownHash: s.id.hash >= 0,
		})
	}
	return reading, nil
}

// An OCSPSubject is a certificate that responses can be judged about, as if
// none had ever been seen.
type OCSPSubject struct{ subject *ocspSubject }

func NewOCSPSubject(path []*x509.Certificate) OCSPSubject {
	var subjects ocspSubjects
	subject, err := subjects.get(&OCSP{}, path)
	if err != nil {
		panic(err)
	}
	return OCSPSubject{subject}
}

// Judge reads and believes a response, or says why not.
func (s OCSPSubject) Judge(der []byte, at time.Time) error {
	r, err := readOCSP(der, "test")
	if err == nil {
		err = s.subject.judge(r)
	}
	if err == nil {
		err = r.verdict.current(at)
	}
	return err
}
