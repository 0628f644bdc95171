// SPDX-License-Identifier: Apache-2.0
//! Answers of RDS that no emulator returns: clusters of other engines, and parameters that are dynamic or static.

use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Scope};
use serde_json::json;

use crate::replay::{Replay, location, open, run};

const CLUSTERS: &str = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters>\
    <DBCluster><DBClusterIdentifier>docs</DBClusterIdentifier><Engine>docdb</Engine></DBCluster>\
    <DBCluster><DBClusterIdentifier>graph</DBClusterIdentifier><Engine>neptune</Engine></DBCluster>\
    <DBCluster><DBClusterIdentifier>old</DBClusterIdentifier><Engine>aurora-mysql</Engine><EngineMode>serverless\
    </EngineMode></DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>";
const NO_INSTANCES: &str = "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances/>\
    </DescribeDBInstancesResult></DescribeDBInstancesResponse>";

/// DescribeDBClusters also returns clusters of other services
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html>).
#[tokio::test]
async fn a_cluster_of_another_engine_is_never_taken_for_ours() {
    let replay = || Replay::new(&[(200, CLUSTERS), (200, NO_INSTANCES)]);
    let mut scope = Scope::of(location());
    scope.everything = Some(Depth::existence());
    let found = open(&replay()).await.observe("rds.cluster", scope).await.unwrap();
    assert!(found.resources.is_empty() && found.gaps.is_empty(), "{found:?}");
    for (name, named) in [("docs", "docdb"), ("old", "Serverless v1")] {
        let mut scope = Scope::of(location());
        scope.ask(name, Depth::existence());
        let found = open(&replay()).await.observe("rds.cluster", scope).await.unwrap();
        let [(gap, failure)] = found.gaps.as_slice() else { panic!("{:?}", found.gaps) };
        assert!(gap == name && failure.to_string().contains(named), "{failure}");
    }
}

/// RDS accepts `immediate` for dynamic parameters only, and 20 parameters in one request
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBClusterParameterGroup.html>).
#[tokio::test]
async fn dynamic_parameters_are_applied_at_once_in_requests_of_20() {
    let types = "<DescribeDBClusterParametersResponse><DescribeDBClusterParametersResult><Parameters><Parameter>\
        <ParameterName>p00</ParameterName><ApplyType>dynamic</ApplyType></Parameter><Parameter><ParameterName>p01\
        </ParameterName><ApplyType>static</ApplyType></Parameter></Parameters></DescribeDBClusterParametersResult>\
        </DescribeDBClusterParametersResponse>";
    let done = "<ModifyDBClusterParameterGroupResponse><ModifyDBClusterParameterGroupResult/>\
        </ModifyDBClusterParameterGroupResponse>";
    let replay = Replay::new(&[(200, types), (200, done), (200, done)]);
    let parameters: serde_json::Map<_, _> = (0..21).map(|number| (format!("p{number:02}"), json!("1"))).collect();
    let op = json!({"ModifyDBClusterParameterGroup": {"name": "g", "parameters": parameters}});
    run(&replay, "rds.cluster", op).await.unwrap();
    let requests = replay.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[1].contains("Parameters.Parameter.1.ApplyMethod=immediate"), "{}", requests[1]);
    assert!(requests[1].contains("Parameters.Parameter.2.ApplyMethod=pending-reboot"), "{}", requests[1]);
    assert!(requests[2].contains("Parameters.Parameter.1.ParameterName=p20"), "{}", requests[2]);
}
