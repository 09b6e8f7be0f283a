// SPDX-License-Identifier: Apache-2.0

package asid

// A Rule names the check that refused a request. It is the value of "rule" in
// each log record, and is never changed once released:
//
//	rule         what is wrong                                       answered with
//	peer         the peer could not be verified                      403 ACCESS_DENIED
//	header       a header is missing, repeated or malformed, or      400 MISSING_OR_INVALID_HEADER
//	             names another receiver or interaction
//	token        the bearer token is malformed, or disagrees         400 MISSING_OR_INVALID_HEADER
//	request      method and path are no interaction, or could be     400 BAD_REQUEST
//	             taken for another
//	             the body of a POST is a form                        415 UNSUPPORTED_MEDIA_TYPE
//	asid         the ASID is unknown                                 403 ASID_CHECK_FAILED
//	binding      the certificate's names are not the ASID's          403 ACCESS_DENIED
//	interaction  the ASID is not associated with the interaction     403 ASID_CHECK_FAILED
//	registry     the registry could not tell ([RegistryError])       503
//	config       a required field is missing ([ConfigError])         500
//	internal     the error is none of this package's                 500
//
// In place of "peer" the log has the word of the [PeerSource], if its error has
// one; "version" and "suite" are answered with 403 ACCESS_DENIED_SSL.
type Rule string

// The rules of a [RequestError].
const (
	RulePeer        Rule = "peer"
	RuleHeader      Rule = "header"
	RuleToken       Rule = "token"
	RuleRequest     Rule = "request"
	RuleASID        Rule = "asid"
	RuleBinding     Rule = "binding"
	RuleInteraction Rule = "interaction"
)
