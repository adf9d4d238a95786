//! Limits of memory and time, whoever stops waiting, and plans that must not run.

use std::time::Duration;

use datafusion::common::config::ConfigOptions;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::functions_aggregate::expr_fn::{count, count_distinct};
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, col, lit};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, displayable};

use super::*;

#[test]
fn more_memory_than_allowed_is_a_clear_error_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let tables: Vec<StoredTable> = (0..4).map(|number| stored(folder.path(), number, &many(5000))).collect();
    let request = request(Contributors::Linked);
    let hot = Arc::new(Hot::new(1 << 20));
    let small = Limits { memory_bytes: 10_000, ..limits(2) };
    let sums = run(async {
        // Begun before, ended after.
        let other = open(&hot, &tables, &request, &limits(2)).unwrap().slowed(Duration::from_millis(20));
        let greedy = async {
            for _ in 0..2 {
                let session = open(&hot, &tables, &request, &small).unwrap();
                let error = session.aggregate().await.unwrap_err();
                let told = error.to_string();
                assert!(matches!(error, EngineError::OutOfMemory { limit: 10_000, .. }), "{told}");
                assert!(told.contains("raise `limits.query_memory_bytes`"), "{told}");
                assert_eq!(session.reserved(), 0);
            }
        };
        let (batches, ()) = tokio::join!(other.aggregate(), greedy);
        Facts::read(&batches.unwrap(), &request, other.snapshot(), &Deadline::new(&limits(1))).unwrap()
    });
    assert_eq!(of_facts(&sums), naive(&vec![many(5000); 4], true));
}

/// However waiting ends, each worker reads no more than what it has begun, and what was held is free for the next one.
#[test]
fn who_stops_waiting_stops_the_work_and_gets_all_memory_back() {
    const PIECES: u8 = 24;
    let folder = tempfile::tempdir().unwrap();
    let tables: Vec<StoredTable> = (0..PIECES).map(|number| stored(folder.path(), number, &many(500))).collect();
    let request = request(Contributors::Linked);
    let soon = Duration::from_millis(60);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for in_tables in [true, false] {
        for ends in ["dropped", "timed out", "cancelled"] {
            let timeout = if ends == "timed out" { soon } else { Duration::from_secs(60) };
            let bounds = Limits { timeout, stop: crate::Stop::new(), ..limits(2) };
            let session = open(&Arc::new(Hot::new(0)), &tables, &request, &bounds).unwrap();
            let session = if in_tables { session } else { session.without_tables() };
            let session = session.slowed(Duration::from_millis(40));
            runtime.block_on(async {
                let work = crate::within(&bounds, session.aggregate());
                let ended = match ends {
                    "dropped" => tokio::time::timeout(soon, work).await.map_err(|_| "dropped".to_owned()),
                    "cancelled" => {
                        let stop = async {
                            tokio::time::sleep(soon).await;
                            bounds.stop.cancel();
                        };
                        Ok(tokio::join!(work, stop).0)
                    }
                    _ => Ok(work.await),
                };
                match ended {
                    Ok(Err(EngineError::TimedOut { seconds: 0 })) => assert_eq!(ends, "timed out"),
                    Ok(Err(EngineError::Stopped)) => assert_eq!(ends, "cancelled"),
                    Ok(other) => panic!("{ends}: {:?}", other.map(|batches| batches.len())),
                    Err(why) => assert_eq!(ends, why),
                }
                let begun = session.snapshot().read_so_far();
                let freed = async {
                    while session.reserved() > 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                tokio::time::timeout(Duration::from_secs(2), freed)
                    .await
                    .expect("all memory is free within two seconds");
                // Long enough for everything that is left, if anybody still worked on it.
                tokio::time::sleep(Duration::from_millis(120)).await;
                let read = session.snapshot().read_so_far();
                assert!(read <= begun + 2, "{ends}: {read} of {PIECES} pieces were read, {begun} when it ended");
            });
            let session = open(&Arc::new(Hot::new(0)), &tables, &request, &limits(2)).unwrap();
            assert!(runtime.block_on(session.aggregate()).is_ok());
        }
    }
}

/// What the lists do not name does not run, whoever made the plan.
#[test]
fn a_session_refuses_every_plan_off_the_lists() {
    let folder = tempfile::tempdir().unwrap();
    let tables = [stored(folder.path(), 1, &many(50))];
    let request = request(Contributors::Linked);
    let open = || open(&Arc::new(Hot::new(0)), &tables, &request, &limits(1)).unwrap();
    let session = open();
    let scan = || LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(session.table())), None).unwrap();
    let by_area = || vec![col("area")];
    let rows = RecordBatch::new_empty(Arc::new(Schema::new(vec![Field::new("area", DataType::UInt32, false)])));
    let elsewhere = Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap());
    let distinct = count_distinct(col("month"));
    let one = |kept: Expr| count(col("month")).filter(kept).build().unwrap();
    let plans = [
        (scan().filter(col("month").gt(lit(1_u32))), "Filter"),
        (scan().sort(vec![col("area").sort(true, true)]), "Sort"),
        (scan().aggregate(by_area(), vec![distinct]), "AggregateFunction"),
        (scan().aggregate(by_area(), vec![one(col("month").gt(lit(1_u32)))]), "AggregateFunction"),
        (LogicalPlanBuilder::scan("t", provider_as_source(elsewhere), None), "TableScan"),
    ];
    for (plan, node) in plans {
        let refused = run(session.run_plan(&plan.unwrap().build().unwrap())).unwrap_err();
        assert!(matches!(&refused, EngineError::RefusedPlan { node: of } if of == node), "{node}: {refused}");
    }
    let plan = scan().aggregate(by_area(), vec![count(col("month"))]).unwrap().build().unwrap();
    run(session.run_plan(&plan)).unwrap();
    // The rule applies, and where it does not the query engine's own operators are on the list.
    let names = |session: Session| displayable(&*run(session.physical_of(&plan)).unwrap()).indent(false).to_string();
    assert!(names(open()).contains("Crosstab:"), "{}", names(open()));
    assert!(names(open().without_tables()).contains("AggregateExec"), "{}", names(open().without_tables()));
    // What a rule of the query engine would put into a plan is looked at, too.
    let refused = run(open().optimised_by(Arc::new(IntoNothing)).run_plan(&plan)).unwrap_err();
    assert!(matches!(&refused, EngineError::RefusedPlan { node } if node == "EmptyExec"), "{refused}");
}

/// Makes any plan one that is on no list.
#[derive(Debug)]
struct IntoNothing;

impl PhysicalOptimizerRule for IntoNothing {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(EmptyExec::new(plan.schema())))
    }

    fn name(&self) -> &'static str {
        "into nothing"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The query engine's own sums wrap; here they are refused on both ways.
#[test]
fn sums_that_cannot_be_held_are_refused_by_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let huge = |amount: i64| vec![(0, 0, Some(0), Some(1), Some(amount), None); 2];
    let request = request(Contributors::Linked);
    for (number, amount, fits) in [(1, i64::MAX / 2, true), (2, i64::MAX / 2 + 1, false)] {
        let tables = [stored(folder.path(), number, &huge(amount))];
        for in_tables in [true, false] {
            let session = open(&Arc::new(Hot::new(0)), &tables, &request, &limits(2)).unwrap();
            let session = if in_tables { session } else { session.without_tables() };
            match run(session.aggregate()) {
                Ok(_) => assert!(fits, "{amount}"),
                Err(error) => {
                    let told = error.to_string();
                    assert!(!fits && told.contains("more than can be held"), "{amount}: {told}");
                }
            }
        }
    }
}

/// What every row's values might take is more than there is room for; what they do take is known after the first time.
#[test]
fn what_turned_out_smaller_is_kept_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let records = many(5000);
    let tables = [stored(folder.path(), 1, &records)];
    let request = request(Contributors::Linked);
    let hot = Arc::new(Hot::new(600_000));
    for kept in [false, true, true] {
        let sums = of_facts(&facts(&hot, &tables, &request, &limits(1)).unwrap());
        assert_eq!(sums, naive(std::slice::from_ref(&records), true));
        assert_eq!(hot.held().columns > 0, kept);
        assert!(hot.held().bytes <= hot.held().capacity);
    }
    hot.let_go_of_all();
    assert_eq!((hot.held().columns, hot.held().bytes), (0, 0));
    facts(&hot, &tables, &request, &limits(1)).unwrap();
    assert!(hot.held().columns > 0, "it may be read again");
}
