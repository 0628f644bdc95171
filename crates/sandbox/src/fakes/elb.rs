// SPDX-License-Identifier: Apache-2.0
//! Elastic Load Balancing: CreateLoadBalancer, DescribeLoadBalancers, CreateTargetGroup and DescribeTargetGroups only
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html>). A target
//! group belongs to the load balancer of its record's `LoadBalancerArn`: listeners are not stored.

use winterbaume_core::{MockRequest, MockResponse};

use super::{FakeState, Form, element, list};
use crate::ACCOUNT;

pub(super) fn answer(memory: &FakeState, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let mut form = Form::of(request);
    let action = form.get("Action")?.to_owned();
    let result = memory.with(region, |records| match action.as_str() {
        "CreateLoadBalancer" => {
            let name = form.text("Name").to_owned();
            let id = format!("app/{name}/{:016x}", records.len());
            form.set("Arn", format!("arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:loadbalancer/{id}"));
            records.insert(format!("elb/{name}"), form.keep());
            Some(list("LoadBalancers", "member", [show(&form)]))
        }
        "DescribeLoadBalancers" => {
            let all = records.iter().filter(|(key, _)| key.starts_with("elb/")).map(|(_, it)| show(&Form::kept(it)));
            Some(list("LoadBalancers", "member", all))
        }
        "CreateTargetGroup" => {
            let name = form.text("Name").to_owned();
            let id = format!("{name}/{:016x}", records.len());
            form.set("Arn", format!("arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:targetgroup/{id}"));
            records.insert(format!("target-group/{name}"), form.keep());
            Some(list("TargetGroups", "member", [show_group(&form)]))
        }
        "DescribeTargetGroups" => {
            let all = records.iter().filter(|(key, _)| key.starts_with("target-group/"));
            Some(list("TargetGroups", "member", all.map(|(_, it)| show_group(&Form::kept(it)))))
        }
        _ => None,
    })?;
    let text = format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>");
    Some(MockResponse::xml(200, text))
}

fn show(balancer: &Form) -> String {
    element("LoadBalancerName", balancer.get("Name")) + &element("LoadBalancerArn", balancer.get("Arn"))
}

fn show_group(group: &Form) -> String {
    let balancer = group.get("LoadBalancerArn").map(ToOwned::to_owned);
    element("TargetGroupName", group.get("Name"))
        + &element("TargetGroupArn", group.get("Arn"))
        + &element("Protocol", group.get("Protocol"))
        + &element("Port", group.get("Port"))
        + &list("LoadBalancerArns", "member", balancer)
}
