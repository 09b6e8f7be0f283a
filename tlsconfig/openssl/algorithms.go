// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// algorithms are the signatures that crypto/tls has for TLS 1.2 and an RSA key, since the
// suites authenticate by RSA, with SHA-256 or better.
var algorithms = []struct {
	scheme tls.SignatureScheme
	name   string // libssl's
	digest bool   // RSA_METHOD hands over a digest
}{
	{tls.PSSWithSHA256, "rsa_pss_rsae_sha256", false},
	{tls.PSSWithSHA384, "rsa_pss_rsae_sha384", false},
	{tls.PSSWithSHA512, "rsa_pss_rsae_sha512", false},
	{tls.PKCS1WithSHA256, "RSA+SHA256", true},
	{tls.PKCS1WithSHA384, "RSA+SHA384", true},
	{tls.PKCS1WithSHA512, "RSA+SHA512", true},
}

// signatureAlgorithms is libssl's list of those among supported; nil: of all.
//
// A key that cannot be exported signs through OpenSSL's RSA_METHOD, which hands a digest
// over for PKCS #1 v1.5, but for RSASSA-PSS only the padded block, for which
// crypto.Signer has no operation. So such a key signs by PKCS #1 v1.5 alone.
func signatureAlgorithms(supported []tls.SignatureScheme, elsewhere bool) string {
	var names []string
	for _, a := range algorithms {
		if (supported == nil || slices.Contains(supported, a.scheme)) && (a.digest || !elsewhere) {
			names = append(names, a.name)
		}
	}
	return strings.Join(names, ":")
}

// signBy has the context sign by no more than its key can. One list of a context is what
// a server signs with and a client offers, the other what a client signs with and a
// server asks for: what is asked of the peer stays as it is.
func (c *sslContext) signBy(supported []tls.SignatureScheme, elsewhere bool) error {
	names := signatureAlgorithms(supported, elsewhere)
	if names == "" {
		return fmt.Errorf("SupportedSignatureAlgorithms %v names none by which libssl could have the key sign: "+
			"one that signs elsewhere does so by PKCS #1 v1.5 with SHA-256 or better", supported)
	}
	list, cmd := cString(names), uintptr(ctrlClientAlgorithms)
	if c.server {
		cmd = ctrlSignatureAlgorithms
	}
	return c.lib.protected("SSL_CTX_set1_sigalgs_list", func() bool {
		return int64(call(c.lib.ctxCtrl, c.ctx, cmd, 0, uintptr(pointer(list)))) == 1
	})
}
