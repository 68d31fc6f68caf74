# ---
# jupyter:
#   biam:
#     needs: []
# ---

# %% [markdown]
# # Which strategy when
#
# A decision guide says: rare rows, sample them more often; a worst group, Group DRO; a column that must not matter, make the features blind to it; inputs that others can move, train on moved inputs. Here the guide is put to the test. One fault at a time, and every strategy against every fault, also against those it is not made for.
#
# | fault | training rows | what is asked on test rows |
# | --- | --- | --- |
# | none | as they should be | accuracy |
# | rare class | class 1 is 4 % of all rows, in training and in use | balanced accuracy |
# | rare group | an attribute is 1 in 5 % of the rows, in use as often as 0 or more | accuracy of the worst of four groups, label times attribute |
# | spurious feature | one column agrees with the label in 95 % of the rows, in use in 5 % | accuracy |
# | label noise | 30 % of the labels are wrong | accuracy on right labels |
# | shift | in use every other number is one deviation too large | accuracy there |
# | adversary | six faint signals tell the label; in use everything that is a number moves by up to 0.2 deviations against the model | accuracy then |
#
# Each with 2,000 training rows of two tables. **Made**: log-odds are a sine, a square, an absolute value, and a line that turns with the attribute. **Adult**: income by age, education, hours, gains, losses, and indicators of sex, marriage, race and occupation; the attribute is sex.
#
# The strategies train one network (64 hidden units, 800 batches of 128 rows, Adam) from the same initial weights. Options are those of [the table of strategies](table_mitigation) for people; **none was tuned, for no fault**, on whatever rows. The faults were designed while looking at seed 101, which is in no table.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam import plotting
from biam.experiments.catalogue import TABLES
from biam.experiments.report import load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means, score_table
from biam.experiments.tables.which_strategy import BASES, HEADLINE, USES_META

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("which-strategy", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now[now["metric"].isin(["balanced_accuracy", "accuracy", "log_loss"])].round(4)

# %% [markdown]
# ## Everything at a glance
#
# Rows are methods, columns are faults, figures are per cent of what is asked, mean of three seeds. Blue is better than `ERM`, plain training, in the same column, red is worse; full colour is 30 points. A star: the method also sees the labels of **100 trusted rows** like those of the test, but for the spurious column, which agrees with the label in half of them.

# %%
results = load_results(stored, "which-strategy")
assert results["seed"].nunique() == 3
planned = {cell[1:] for cell in TABLES["which-strategy"].profiles["quick"].cells}
assert set(results[["scenario", "method", "seed"]].itertuples(index=False, name=None)) == planned
asked = {
    base: pd.DataFrame(
        {fault: means(results, name)[f"{base}/{fault}"] for fault, name in HEADLINE.items()}
    )
    for base in BASES
}
made, adult = (asked[base] for base in BASES)
stars = {name: f"{name} *" for name in USES_META}

# %% alt="Heat map of 22 methods and seven faults on the made table."
plotting.advantage_map(made.rename(index=stars), "ERM")
plt.show()

# %% alt="The same heat map on Adult."
plotting.advantage_map(adult.rename(index=stars), "ERM")
plt.show()
