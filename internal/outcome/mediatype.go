// SPDX-License-Identifier: Apache-2.0

package outcome

import "net/http"

// MediaType returns the media type, one of FHIR's, of the answer that r asks
// for; it has json in its name if and only if the answer is JSON.
func MediaType(r *http.Request) string { return negotiate(r) }
