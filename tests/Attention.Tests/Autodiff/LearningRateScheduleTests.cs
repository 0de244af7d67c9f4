using Attention.Autodiff;
using Attention.TestKit;

namespace Attention.Tests.Autodiff;

public class LearningRateScheduleTests
{
    private static readonly long[] s_steps = [1, 2, 3, 9, 10, 11, 37, 99, 100, 101, 12345];

    [Fact]
    public void Noam_is_the_formula_of_the_paper()
    {
        LearningRateSchedule schedule = LearningRateSchedule.Noam(512, 10, 2);
        Check(schedule, step => 2 / Math.Sqrt(512) * Math.Min(1 / Math.Sqrt(step), step * Math.Pow(10, -1.5)));
        schedule.At(0).Should().Be(0);
    }

    [Fact]
    public void Constant_stays()
    {
        Check(LearningRateSchedule.Constant(0.3, 10), step => step < 10 ? 0.3 * step / 10 : 0.3);
        Check(LearningRateSchedule.Constant(0.3), _ => 0.3);
        LearningRateSchedule.Constant(0.3).At(0).Should().Be(0.3f);
    }

    [Fact]
    public void Cosine_falls_along_half_a_wave()
    {
        Check(
            LearningRateSchedule.Cosine(0.5, 10, 100, 0.05),
            step => step < 10 ? 0.05 * step
                : step >= 100 ? 0.05
                : 0.05 + (0.45 * (1 + Math.Cos(Math.PI * (step - 10) / 90)) / 2));
        Check(
            LearningRateSchedule.Cosine(1, 0, 100),
            step => step >= 100 ? 0 : (1 + Math.Cos(Math.PI * step / 100)) / 2);
    }

    [Fact]
    public void Linear_falls_evenly()
    {
        Check(
            LearningRateSchedule.Linear(0.5, 10, 100, 0.05),
            step => step < 10 ? 0.05 * step : step >= 100 ? 0.05 : 0.5 - (0.45 * (step - 10) / 90));
        Check(LearningRateSchedule.Linear(1, 0, 100), step => Math.Max(0, 1 - (step / 100.0)));
    }

    [Fact]
    public void Ends_are_exact()
    {
        foreach (LearningRateSchedule schedule in (LearningRateSchedule[])
            [LearningRateSchedule.Cosine(0.1, 7, 13, 0.03), LearningRateSchedule.Linear(0.1, 7, 13, 0.03)])
        {
            schedule.At(0).Should().Be(0);
            schedule.At(7).Should().Be(0.1f);
            schedule.At(13).Should().Be(0.03f);
            schedule.At(long.MaxValue).Should().Be(0.03f);
        }
    }

    [Fact]
    public void The_default_is_no_rate()
    {
        default(LearningRateSchedule).At(0).Should().Be(0);
        default(LearningRateSchedule).At(5).Should().Be(0);
        LearningRateSchedule.Constant(0).At(3).Should().Be(0);
    }

    [Fact]
    public void Schedules_are_values()
    {
        LearningRateSchedule.Linear(1, 2, 3).Should().Be(LearningRateSchedule.Linear(1, 2, 3));
        LearningRateSchedule.Linear(1, 2, 3).Should().NotBe(LearningRateSchedule.Cosine(1, 2, 3));
    }

    [Fact]
    public void Bad_input_is_refused_by_name()
    {
        (string Parameter, Action Call)[] calls =
        [
            ("modelSize", () => LearningRateSchedule.Noam(0)),
            ("warmupSteps", () => LearningRateSchedule.Noam(8, 0)),
            ("factor", () => LearningRateSchedule.Noam(8, 1, double.NaN)),
            ("peak", () => LearningRateSchedule.Constant(-1)),
            ("warmupSteps", () => LearningRateSchedule.Constant(1, -1)),
            ("peak", () => LearningRateSchedule.Cosine(double.PositiveInfinity, 0, 1)),
            ("warmupSteps", () => LearningRateSchedule.Cosine(1, -1, 1)),
            ("totalSteps", () => LearningRateSchedule.Cosine(1, 5, 5)),
            ("floor", () => LearningRateSchedule.Cosine(1, 5, 6, 1.5)),
            ("peak", () => LearningRateSchedule.Linear(double.NaN, 0, 1)),
            ("totalSteps", () => LearningRateSchedule.Linear(1, 5, 4)),
            ("floor", () => LearningRateSchedule.Linear(1, 5, 6, double.NaN)),
            ("floor", () => LearningRateSchedule.Linear(1, 5, 6, -0.1)),
            ("step", () => LearningRateSchedule.Constant(1).At(-1)),
        ];
        foreach ((string parameter, Action call) in calls)
        {
            call.Should().Throw<ArgumentOutOfRangeException>().Which.ParamName.Should().Be(parameter);
        }
    }

    /// <summary>Rate and formula are computed in double and rounded once each, so that they may differ by one step of float.</summary>
    private static void Check(LearningRateSchedule schedule, Func<long, double> formula)
    {
        foreach (long step in s_steps)
        {
            Tolerance.Reordered($"step {step}", [schedule.At(step)], [(float)formula(step)], roundings: 2);
        }
    }
}
