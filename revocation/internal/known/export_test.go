// SPDX-License-Identifier: Apache-2.0

package known

// BoundedReplies drops answers about one certificate if there are too many. To
// fill a set with as many takes minutes.
func BoundedReplies(replies []*Reply) []*Reply { return boundedReplies(replies) }
