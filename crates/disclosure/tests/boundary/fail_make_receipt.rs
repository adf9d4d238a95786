use disclosure::{DurableReceipt, Plan, commit};

fn release_without_ledger(plan: Plan) {
    let receipt = DurableReceipt { ledger_entry: 1 };
    let _ = commit(plan, receipt);
}

fn main() {
    let _ = release_without_ledger;
}
