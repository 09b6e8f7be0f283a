// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Alerts of RFC 5246 section 7.2.2 that the engine itself sends.
const (
	alertHandshakeFailure       tls.AlertError = 40
	alertBadCertificate         tls.AlertError = 42
	alertUnsupportedCertificate tls.AlertError = 43
	alertCertificateRevoked     tls.AlertError = 44
	alertCertificateExpired     tls.AlertError = 45
	alertCertificateUnknown     tls.AlertError = 46
	alertUnknownCA              tls.AlertError = 48
	alertInternalError          tls.AlertError = 80
)

// alertFor tells a refused peer which kind of rule refused it.
func alertFor(err error, now func() time.Time) tls.AlertError {
	refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
	if !ok {
		return alertInternalError
	}
	switch refusal.Rule {
	case tlsconfig.RuleVersion, tlsconfig.RuleSuite, tlsconfig.RuleNoCertificate:
		return alertHandshakeFailure
	case tlsconfig.RuleSubCA, tlsconfig.RuleRoot:
		return alertUnknownCA
	case tlsconfig.RuleValidity:
		if refusal.Cert != nil && now().Before(refusal.Cert.NotBefore) {
			return alertBadCertificate
		}
		return alertCertificateExpired
	case tlsconfig.RuleUsage:
		return alertUnsupportedCertificate
	case tlsconfig.RuleRevocation:
		if refusal.Definite() {
			return alertCertificateRevoked
		}
		return alertCertificateUnknown
	}
	return alertBadCertificate
}

const contentTypeAlert = 21

// plainAlert is a fatal alert as a record of its own. It is only ever sent before
// this end has sent a ChangeCipherSpec, hence in the clear (RFC 5246 section 6.2.1).
func plainAlert(a tls.AlertError) []byte {
	const levelFatal = 2
	return []byte{contentTypeAlert, versionTLS12 >> 8, versionTLS12 & 0xff, 0, 2, levelFatal, byte(a)}
}
