// SPDX-License-Identifier: Apache-2.0
//! Types that kinds share: policy documents, CIDR blocks, name patterns and tags.

pub mod cidr;
pub mod pattern;
pub mod policy;
pub mod tags;
