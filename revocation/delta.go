// SPDX-License-Identifier: Apache-2.0

package revocation

const (
	deltaAlone = "a delta CRL says nothing without a complete one"
	deltaKey   = "the delta CRL does not verify with the key of the complete one"
)

// updatedBy returns why the delta CRL d cannot be combined with the complete CRL
// c, or "" if it can (RFC 5280 sections 5.2.4 and 6.3.3 (c)): both are of one
// issuer, scope and key, d starts no later than c, and goes on after it. That
// both are signed with one key is for the caller to verify.
func (c *crl) updatedBy(d *crl) string {
	switch {
	case !d.delta:
		return "it is not a delta CRL"
	case d.issuer != c.issuer:
		return "the delta CRL is of another issuer than the complete one"
	case d.scope.raw != c.scope.raw:
		return "the delta CRL has another scope than the complete one"
	case d.authority != c.authority:
		return "the delta CRL is of another key than the complete one"
	case c.number == nil:
		return "the complete CRL has no number to combine a delta CRL with"
	case c.number.Cmp(d.base) < 0:
		return "the delta CRL starts from a later complete CRL"
	case c.number.Cmp(d.number) >= 0:
		return "the delta CRL is not newer than the complete one"
	}
	return ""
}

// newer says whether c follows other in the sequence of CRLs of one issuer and
// scope. The number decides, so that an older CRL whose times suit an attacker
// better does not come back.
func (c *crl) newer(other *crl) bool {
	if c.number != nil && other.number != nil {
		if order := c.number.Cmp(other.number); order != 0 {
			return order > 0
		}
	}
	return c.thisUpdate.After(other.thisUpdate)
}
